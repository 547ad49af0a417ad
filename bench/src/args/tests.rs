use clap::{Args as _, Command, FromArgMatches};

use super::{Args, Load};

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
fn nonsense_is_refused() {
    assert!(parsed("call").is_err());
    assert!(parsed("call http://127.0.0.1:1/mcp --duration soon").is_err());
    assert!(parsed("scale http://127.0.0.1:1/mcp --sessions 1,x").is_err());
}
