use super::*;

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn silence_runs_out_after_the_limit() {
    let start = Instant::now();
    Patience::new(LIMIT).run_out().await;
    assert_eq!(start.elapsed(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn everything_heard_starts_the_clock_again() {
    let start = Instant::now();
    let patience = Patience::new(LIMIT);
    let progress = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        patience.heard();
    };
    tokio::join!(patience.run_out(), progress);
    assert_eq!(start.elapsed(), Duration::from_secs(17));
}

#[tokio::test(start_paused = true)]
async fn time_in_which_the_user_thinks_does_not_count() {
    let start = Instant::now();
    let patience = Patience::new(LIMIT);
    let question = patience.question();
    let think = async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        drop(question);
    };
    tokio::join!(patience.run_out(), think);
    assert_eq!(start.elapsed(), Duration::from_secs(3610));
}
