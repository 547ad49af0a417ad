use super::*;

fn env(own: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut env = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    point_at_gate(&mut env);
    env
}

fn of<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn programs_find_the_gate_by_every_name() {
    let env = env(&[]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        assert_eq!(of(&env, name), Some("http://127.0.0.1:3128"), "{name}");
    }
    assert_eq!(of(&env, "no_proxy"), Some("127.0.0.1,localhost,::1"));
    assert_eq!(of(&env, "NODE_USE_ENV_PROXY"), Some("1"));
}

#[test]
fn what_the_manifest_says_of_proxies_stands() {
    let env = env(&[("https_proxy", ""), ("NO_PROXY", "db"), ("NODE_USE_ENV_PROXY", "0")]);
    // The other case of the name would be read first by some programs.
    assert_eq!((of(&env, "https_proxy"), of(&env, "HTTPS_PROXY")), (Some(""), None));
    assert_eq!((of(&env, "NO_PROXY"), of(&env, "no_proxy")), (Some("db"), None));
    assert_eq!(of(&env, "NODE_USE_ENV_PROXY"), Some("0"));
    assert!(of(&env, "HTTP_PROXY").is_some());
}

fn account() -> Account {
    Account {
        server: "it".into(),
        session: "s-1".into(),
        telemetry: Telemetry::new(),
        refused: AtomicU64::new(0),
        rate: Mutex::new(Rate { second: Instant::now(), told: 0, shed: 0 }),
    }
}

#[test]
fn a_flood_of_refusals_is_counted_and_not_logged() {
    let account = account();
    let told = (0..1_000).filter(|_| account.may_tell()).count();
    // A slow machine may see a new second begin.
    assert!((10..=100).contains(&told), "{told}");
    let telemetry = account.telemetry.clone();
    drop(account);
    let shed = format!("cause=\"egress_shed\"}} {}", 1_000 - told);
    assert!(telemetry.render_metrics().contains(&shed), "{}", telemetry.render_metrics());
}

#[test]
fn an_empty_list_is_no_gate_and_a_change_is_heard() {
    let list = |entries: &[&str]| AllowList::parse(entries).unwrap();
    let reach = Reach::of(AllowList::default(), Some(Upstream::new("http://proxy.example:3128", None).unwrap()));
    assert!(!reach.is_open());
    let mut session = reach.0.subscribe();
    assert!(reach.change(list(&["a.example:443"])) && reach.is_open());
    assert!(session.has_changed().unwrap());
    session.mark_unchanged();
    assert!(!reach.change(list(&["a.example:443"])), "it is the same");
    assert!(!session.has_changed().unwrap());
    assert!(reach.0.borrow().upstream.is_some(), "the proxy stays");
    assert!(reach.change(AllowList::default()) && !reach.is_open());
}
