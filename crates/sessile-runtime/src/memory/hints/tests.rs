use super::*;
use serde_json::{Value, json};

const T0: SystemTime = SystemTime::UNIX_EPOCH;

fn at(seconds: u64) -> SystemTime {
    T0 + Duration::from_secs(1_000_000 + seconds)
}

fn read(result: &Value) -> Option<(Answer, Audience)> {
    Answer::read(&result.to_string(), at(0))
}

fn given(answer: &Answer, now: SystemTime) -> Value {
    serde_json::from_str(&answer.given(now).unwrap()).unwrap()
}

#[test]
fn the_time_given_out_is_what_is_left() {
    let result = json!({"ttlMs": 300_000, "tools": [{"name": "add"}], "cacheScope": "public", "extra": null});
    let (answer, audience) = read(&result).unwrap();
    assert_eq!(audience, Audience::Everyone);
    assert_eq!(given(&answer, at(0)), result);
    let mut later = result;
    later["ttlMs"] = json!(60_000);
    assert_eq!(given(&answer, at(240)), later);
    assert_eq!(answer.given(at(300)), None);
    assert_eq!(answer.given(at(300) - Duration::from_micros(10)), None, "less than a millisecond is none");
}

#[test]
fn a_result_that_says_nothing_holds_for_a_minute_at_a_time_and_a_day_at_most() {
    let (answer, audience) = read(&json!({"tools": []})).unwrap();
    assert_eq!(audience, Audience::OnePrincipal, "nothing says that others may have it");
    assert_eq!(given(&answer, at(5)), json!({"tools": [], "ttlMs": 60_000}));
    assert_eq!(given(&answer, at(24 * 3600 - 30)), json!({"tools": [], "ttlMs": 30_000}));
    assert_eq!(answer.given(at(24 * 3600)), None);
}

#[test]
fn no_time_is_longer_than_a_day() {
    for endless in ["1e300", "18446744073709551616", "86400001"] {
        let (answer, _) = Answer::read(&format!(r#"{{"ttlMs":{endless}}}"#), at(0)).unwrap();
        assert_eq!(given(&answer, at(0)), json!({"ttlMs": 86_400_000}));
    }
}

#[test]
fn what_is_not_to_be_remembered_is_not() {
    for result in [
        json!({"tools": [], "ttlMs": 0}),
        json!({"tools": [], "ttlMs": 0.5}),
        json!({"tools": [], "ttlMs": -1}),
        json!({"tools": [], "ttlMs": "60000"}),
        json!({"tools": [], "ttlMs": null}),
        json!({"resultType": "input_required", "inputRequests": {}}),
        json!({"resultType": "task"}),
        json!({"resultType": 1}),
        json!({"error": {"code": -32603, "message": "x"}}),
        json!([]),
        json!("x"),
    ] {
        assert_eq!(read(&result), None, "{result}");
    }
    assert!(read(&json!({"resultType": "complete"})).is_some());
}

#[test]
fn a_clock_that_is_set_back_ends_it() {
    let (answer, _) = read(&json!({"ttlMs": 1000})).unwrap();
    assert!(answer.given(at(0) - Duration::from_secs(1)).is_some(), "clocks are corrected");
    assert_eq!(answer.given(at(0) - Duration::from_secs(3600)), None);
}

#[test]
fn what_is_kept_elsewhere_comes_back_the_same() {
    for result in [json!({"a": "ttlMs", "ttlMs": 5000}), json!({}), json!({"tools": []})] {
        let (answer, _) = read(&result).unwrap();
        let (lifetime, told) = answer.times();
        let back = Answer::restored(&answer.result(), answer.learned(), lifetime, told).unwrap();
        assert_eq!(back, answer);
    }
}
