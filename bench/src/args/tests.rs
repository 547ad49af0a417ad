use clap::{Args as _, Command, FromArgMatches};

use super::{Args, Load};
use crate::client::{Ask, Dialect};

fn parsed(words: &str) -> Result<Args, clap::Error> {
    let command = Args::augment_args(Command::new("bench"));
    let matches = command.try_get_matches_from(std::iter::once("bench").chain(words.split(' ')))?;
    Args::from_arg_matches(&matches)
}

#[test]
fn the_options_do_not_get_in_each_others_way() {
    Args::augment_args(Command::new("bench")).debug_assert();
}

#[test]
fn churn_and_its_bystander_have_rates_of_their_own() {
    let args = parsed("churn http://127.0.0.1:1/mcp --per-second 50 --bystander 200 --duration 2s").unwrap();
    let Load::Churn { load, bystander, .. } = args.load else { panic!("not churn") };
    assert_eq!((load.per_second, bystander.per_second), (Some(50.0), 200.0));
}

#[test]
fn parked_calls_are_answered_with_json() {
    let args = parsed("park http://127.0.0.1:1/mcp --tool ask --calls 1000 --sessions 10 --answer {\"by\":1}").unwrap();
    let Load::Park { endpoint, load } = args.load else { panic!("not park") };
    assert_eq!((endpoint.tool.as_str(), load.calls, load.sessions), ("ask", 1000, 10));
    assert_eq!(load.answer, serde_json::json!({ "by": 1 }));
    assert!(parsed("park http://127.0.0.1:1/mcp --answer {").is_err());
}

#[test]
fn what_is_asked_is_named_as_the_protocol_names_it() {
    let args = parsed("call http://127.0.0.1:1/mcp --dialect stateless --ask tools/list").unwrap();
    let Load::Call { endpoint, .. } = args.load else { panic!("not call") };
    assert_eq!((endpoint.dialect, endpoint.ask), (Dialect::Stateless, Ask::ListTools));
}

#[test]
fn nonsense_is_refused() {
    assert!(parsed("call").is_err());
    assert!(parsed("call http://127.0.0.1:1/mcp --duration soon").is_err());
    assert!(parsed("scale http://127.0.0.1:1/mcp --sessions 1,x").is_err());
}
