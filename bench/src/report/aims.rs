//! The aims of the project, held against one run.

use serde::Serialize;

use super::scale::{kib_per_session, scale_steps};
use super::{Metric, Report, eras, workload_name as name};
use crate::target::Kind;

/// The names of the floors that are not servers.
pub mod floor_name {
    /// The server over its own pipe, started by hand.
    pub const BY_HAND: &str = "by hand, over the pipe";
    /// Clone and exec of a program that does nothing.
    pub const EXEC: &str = "clone + exec alone";
    /// The same with new namespaces.
    pub const NAMESPACES: &str = "unshare + exec alone";
}
use floor_name::{BY_HAND, EXEC, NAMESPACES};

/// Sessions per second of the churn beside which calm calls are watched.
pub const CHURN_BESIDE_PER_SECOND: f64 = 50.0;

/// Whether an aim is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "reason")]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not.
    NotMet,
    /// The run has no figure for it.
    NotMeasured(String),
}

/// One line of the table of aims.
#[derive(Debug, Clone, Serialize)]
pub struct Aim {
    /// What is measured.
    pub figure: &'static str,
    /// What it is held against.
    pub against: &'static str,
    /// What is aimed at.
    pub aim: &'static str,
    /// What came out, empty when nothing did.
    pub measured: String,
    /// Whether that is enough.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// A measured text and whether it is enough, or why there is none.
type Outcome = Result<(String, bool), String>;

fn aim(figure: &'static str, against: &'static str, text: &'static str, outcome: Outcome) -> Aim {
    let (measured, verdict) = match outcome {
        Ok((measured, true)) => (measured, Verdict::Met),
        Ok((measured, false)) => (measured, Verdict::NotMet),
        Err(reason) => (String::new(), Verdict::NotMeasured(reason)),
    };
    Aim { figure, against, aim: text, measured, verdict }
}

/// All aims, in the order of the design's table.
pub fn aims(report: &Report) -> Vec<Aim> {
    let apart = |page: &str| Err(format!("it takes a run of its own, see {page}"));
    vec![
        aim("warm call, one client, p50", "pipe round trip + HTTP echo", "≤ 1.4 ×", warm_call(report)),
        aim("calls per second, 64 clients", "the same server's own HTTP", "≥ 80 %", own_http(report)),
        aim("calls per second, 64 clients", "the best peer with a process per session", "≥ 1.7 ×", best_peer(report)),
        aim("new session to first result, cold, p50", "the same by hand", "≤ 1.15 × + 5 ms", cold(report)),
        aim("new session from a warm pool", "—", "p50 ≤ 5 ms, p99 ≤ 20 ms", pool(report)),
        aim("new session, microVM from template", "VMM restore alone", "≤ 1.3 ×", apart("docs/microvm.md")),
        aim("resume of a hibernated session", "VMM restore alone", "≤ 1.3 ×", apart("docs/hibernation.md")),
        aim("session churn", "clone + exec alone", "≥ 50 %", churn_floor(report, EXEC)),
        aim("session churn", "unshare + exec alone", "≥ 50 %", churn_floor(report, NAMESPACES)),
        aim("session churn", "—", "≥ 150 per second", churn_rate(report)),
        aim("runtime memory per idle session", "—", "≤ 64 KiB", memory(report)),
        aim("resident memory of init", "—", "≤ 400 KiB", init(report)),
        aim("memory per hibernated session", "—", "≤ 4 KiB", apart("docs/hibernation.md")),
        aim("memory per parked call, beyond its messages", "—", "≤ 8 KiB", parked_memory(report)),
        aim("threads of the runtime with the most parked calls", "with none", "no more", parked_threads(report)),
        aim("p99 of calls beside 50 new sessions per second", "p99 without", "≤ 3 ×", calm(report)),
        aim("p50 of a warm call at the most live sessions", "at 10", "≤ 1.2 ×", growth(report)),
    ]
}

fn need(value: Option<f64>, what: &str) -> Result<f64, String> {
    value.ok_or_else(|| format!("no figure for {what}"))
}

fn warm_call(report: &Report) -> Outcome {
    let workload = name::calls(1);
    let p50 = |target: &str| need(report.value(&workload, target, Metric::P50), target);
    let (mine, pipe, echo) = (p50(Kind::Sessile.name())?, p50(BY_HAND)?, p50(Kind::BareEcho.name())?);
    let ratio = mine / (pipe + echo);
    Ok((format!("{ratio:.2} × ({:.3} ms against {:.3} + {:.3})", mine / 1e3, pipe / 1e3, echo / 1e3), ratio <= 1.4))
}

fn own_http(report: &Report) -> Outcome {
    let (workload, floor) = (name::calls(64), Kind::OwnHttp.name());
    let ratio = need(report.ratio(&workload, Metric::PerSecond, Kind::Sessile.name(), floor), "Sessile or the floor")?;
    Ok((format!("{:.0} %", ratio * 100.0), ratio >= 0.8))
}

fn best_peer(report: &Report) -> Outcome {
    let workload = name::calls(64);
    let best = report
        .targets
        .iter()
        .filter(|target| target.is_peer && target.starts_processes)
        .filter_map(|peer| Some((peer, report.value(&workload, &peer.name, Metric::PerSecond)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(peer, _)| peer)
        .ok_or("no peer of that kind was measured")?;
    let ratio = report.ratio(&workload, Metric::PerSecond, Kind::Sessile.name(), &best.name);
    let ratio = need(ratio, Kind::Sessile.name())?;
    Ok((format!("{ratio:.2} × {}", best.name), ratio >= 1.7))
}

fn cold(report: &Report) -> Outcome {
    let p50 = |target: &str| need(report.value(name::NEW_SESSION, target, Metric::P50), target);
    let (mine, hand) = (p50(Kind::Sessile.name())? / 1e3, p50(BY_HAND)? / 1e3);
    let limit = 1.15f64.mul_add(hand, 5.0);
    Ok((format!("{mine:.2} ms against {hand:.2} ms by hand (limit {limit:.2})"), mine <= limit))
}

fn pool(report: &Report) -> Outcome {
    let pooled = Kind::SessilePool.name();
    let p50 = need(report.value(name::NEW_SESSION, pooled, Metric::P50), pooled)? / 1e3;
    let p99 = need(report.value(name::NEW_SESSION, pooled, Metric::P99), pooled)? / 1e3;
    Ok((format!("p50 {p50:.2} ms, p99 {p99:.2} ms"), p50 <= 5.0 && p99 <= 20.0))
}

fn churn_floor(report: &Report, floor: &str) -> Outcome {
    let ratio = report.ratio(name::CHURN, Metric::PerSecond, Kind::Sessile.name(), floor);
    let ratio = need(ratio, "Sessile or the floor")?;
    Ok((format!("{:.1} %", ratio * 100.0), ratio >= 0.5))
}

fn churn_rate(report: &Report) -> Outcome {
    let rate = need(report.value(name::CHURN, Kind::Sessile.name(), Metric::PerSecond), Kind::Sessile.name())?;
    Ok((format!("{rate:.0} per second on {} cores", report.machine.cores), rate >= 150.0))
}

fn memory(report: &Report) -> Outcome {
    let (sessions, kib) = kib_per_session(report, Kind::Sessile.name()).ok_or("no figure for Sessile")?;
    Ok((format!("{kib:.1} KiB at {sessions} sessions"), kib <= 64.0))
}

fn init(report: &Report) -> Outcome {
    let all = report.measurements.iter().filter(|found| found.target == Kind::Sessile.name());
    let init = all.filter_map(|found| found.all.init).max_by_key(|init| init.processes);
    let init = init.ok_or("no init process was seen")?;
    let text = format!("{} KiB (proportional {} KiB)", init.resident_kib, init.proportional_kib);
    Ok((text, init.resident_kib <= 400))
}

fn parked_memory(report: &Report) -> Outcome {
    let weighed = eras::weighed(report);
    let heaviest = weighed.into_iter().max_by(|a, b| a.2.total_cmp(&b.2));
    let (calls, sessions, kib) = heaviest.ok_or("no figure for enough parked calls")?;
    Ok((format!("at most {kib:.1} KiB ({calls} calls in {sessions} sessions)"), kib <= 8.0))
}

fn parked_threads(report: &Report) -> Outcome {
    let (calls, before, after) = eras::threads(report).ok_or("no figure for parked calls")?;
    Ok((format!("{after} with {calls} parked, {before} with none"), after <= before))
}

fn calm(report: &Report) -> Outcome {
    let target = Kind::Sessile.name();
    let p99 = |workload: &str| need(report.value(workload, target, Metric::P99), workload);
    let (without, beside) = (p99(name::CALM)? / 1e3, p99(name::CALM_BESIDE)? / 1e3);
    let reached = need(report.value(name::CHURN_BESIDE, target, Metric::PerSecond), "the churn")?;
    let ratio = beside / without;
    let text = format!("{ratio:.2} × ({beside:.2} ms against {without:.2}, {reached:.0} sessions per second)");
    Ok((text, ratio <= 3.0 && reached >= 0.9 * CHURN_BESIDE_PER_SECOND))
}

fn growth(report: &Report) -> Outcome {
    let target = Kind::Sessile.name();
    let steps = scale_steps(report, target);
    let (first, last) = steps.first().zip(steps.last()).ok_or("no figure for Sessile")?;
    // The step after the others ended is a second look at the beginning: their mean leaves drift out.
    let again = report.value(name::SCALE_BACK, target, Metric::P50).unwrap_or(first.p50_us);
    let ratio = last.p50_us / f64::midpoint(first.p50_us, again);
    let text = format!("{ratio:.2} × from {} to {} sessions", first.sessions, last.sessions);
    if last.sessions < 2_000 {
        return Err(format!("{text}; the aim is for 2,000"));
    }
    Ok((text, ratio <= 1.2))
}
