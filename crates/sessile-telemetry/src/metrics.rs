//! The metrics view: what an operator needs first, in the OpenMetrics text format.
//!
//! Labels are bounded: server names come from the manifest, methods from the specification (anything else
//! is `other`), and session ids are never labels.

use crate::{Event, RestKind};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;

type Labels<const N: usize> = [(&'static str, String); N];

/// Every metric of the runtime.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    sessions: Family<Labels<1>, Gauge>,
    started: Family<Labels<2>, Counter>,
    start_failures: Family<Labels<1>, Counter>,
    start_seconds: Family<Labels<2>, Histogram>,
    ended: Family<Labels<2>, Counter>,
    cpu_milliseconds: Family<Labels<1>, Counter>,
    calls: Family<Labels<3>, Counter>,
    call_seconds: Family<Labels<2>, Histogram>,
    refused: Family<Labels<1>, Counter>,
    dropped: Family<Labels<2>, Counter>,
    output_lines: Family<Labels<2>, Counter>,
    http: Family<Labels<1>, Counter>,
    warm: Family<Labels<1>, Gauge>,
    warm_ended: Family<Labels<2>, Counter>,
    queue_length: Gauge,
    queue_wait_seconds: Family<Labels<1>, Histogram>,
    node_budget: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    node_taken: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    egress_refused: Family<Labels<2>, Counter>,
    egress_bytes: Family<Labels<2>, Counter>,
    execs_running: Family<Labels<1>, Gauge>,
    execs: Family<Labels<2>, Counter>,
    hibernations: Family<Labels<2>, Counter>,
    hibernate_seconds: Family<Labels<2>, Histogram>,
    wakes: Family<Labels<2>, Counter>,
    wake_seconds: Family<Labels<2>, Histogram>,
    rest_failures: Family<Labels<2>, Counter>,
    frozen: Family<Labels<1>, Gauge>,
    hibernated: Gauge,
    hibernation_bytes: Gauge,
    hibernation_limit: Gauge,
    templates: Family<Labels<1>, Counter>,
    templates_kept: Gauge,
    template_bytes: Gauge,
    template_limit: Gauge,
}

fn start_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

fn call_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 2.5, 16))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sessile");
        let sessions = Family::default();
        registry.register("sessions", "Sessions that are alive now", sessions.clone());
        let started = Family::default();
        registry.register(
            "sessions_started",
            "Sessions whose server process was started, by whether it was there already",
            started.clone(),
        );
        let start_failures = Family::default();
        registry.register("start_failures", "Sessions that could not be started", start_failures.clone());
        let start_seconds = Family::new_with_constructor(start_buckets as fn() -> Histogram);
        registry.register_with_unit(
            "session_start",
            "Time from the request to the running server process",
            Unit::Seconds,
            start_seconds.clone(),
        );
        let ended = Family::default();
        registry.register("sessions_ended", "Sessions that ended, by reason", ended.clone());
        let cpu_milliseconds = Family::default();
        registry.register(
            "session_cpu_milliseconds",
            "CPU time of ended sessions, in milliseconds",
            cpu_milliseconds.clone(),
        );
        let calls = Family::default();
        registry.register("calls", "Requests of clients, by method and outcome", calls.clone());
        let call_seconds = Family::new_with_constructor(call_buckets as fn() -> Histogram);
        registry.register_with_unit("call", "Time from a request to its answer", Unit::Seconds, call_seconds.clone());
        let refused = Family::default();
        registry.register("refused", "Requests refused before they reached a server", refused.clone());
        let dropped = Family::default();
        registry.register("dropped", "Messages and events that reached nobody, by cause", dropped.clone());
        let output_lines = Family::default();
        registry.register("server_output_lines", "Log lines that servers wrote", output_lines.clone());
        let http = Family::default();
        registry.register("http_responses", "HTTP responses, by status", http.clone());
        let warm = Family::default();
        registry.register("pool_warm", "Sandboxes that wait to become sessions", warm.clone());
        let warm_ended = Family::default();
        registry.register("pool_ended", "Sandboxes that are warm no more, by reason", warm_ended.clone());
        let queue_length = Gauge::default();
        registry.register("queue_length", "Starts that wait for room on the node", queue_length.clone());
        let queue_wait_seconds = Family::new_with_constructor(start_buckets as fn() -> Histogram);
        registry.register_with_unit(
            "queue_wait",
            "Time that starts waited for room on the node, by how that ended",
            Unit::Seconds,
            queue_wait_seconds.clone(),
        );
        let node_budget = Family::default();
        registry.register("node_budget", "What all sessions may have together", node_budget.clone());
        let node_taken = Family::default();
        registry.register("node_taken", "What sessions and warm sandboxes may use at most", node_taken.clone());
        let egress_refused = Family::default();
        registry.register(
            "egress_refused",
            "Connections of servers to the outside that were refused, by rule",
            egress_refused.clone(),
        );
        let egress_bytes = Family::default();
        registry.register(
            "egress_bytes",
            "Bytes of closed connections to the outside; out is what servers sent",
            egress_bytes.clone(),
        );
        let execs_running = Family::default();
        registry.register("execs_running", "Commands of operators that run in sessions now", execs_running.clone());
        let execs = Family::default();
        registry.register("execs", "Commands of operators in sessions, by how they ended", execs.clone());
        let hibernations = Family::default();
        registry.register("hibernations", "Sessions that were written to the disk or frozen", hibernations.clone());
        let hibernate_seconds = Family::new_with_constructor(start_buckets as fn() -> Histogram);
        let help = "Time to write a session to the disk, or to freeze it";
        registry.register_with_unit("hibernate", help, Unit::Seconds, hibernate_seconds.clone());
        let wakes = Family::default();
        registry.register("wakes", "Sessions that came back from the disk or were thawed", wakes.clone());
        let wake_seconds = Family::new_with_constructor(start_buckets as fn() -> Histogram);
        let help = "Time for a session to run again";
        registry.register_with_unit("wake", help, Unit::Seconds, wake_seconds.clone());
        let rest_failures = Family::default();
        registry.register("rest_failures", "Sessions that could not rest, or not wake", rest_failures.clone());
        let frozen = Family::default();
        registry.register("sessions_frozen", "Live sessions that are frozen now", frozen.clone());
        let hibernated = Gauge::default();
        registry.register("sessions_hibernated", "Sessions on the disk now", hibernated.clone());
        let hibernation_bytes = Gauge::default();
        registry.register("hibernation_disk_bytes", "Disk that hibernated sessions take", hibernation_bytes.clone());
        let hibernation_limit = Gauge::default();
        registry.register("hibernation_disk_limit_bytes", "Disk that they may take", hibernation_limit.clone());
        let templates = Family::default();
        let help = "Templates of machines and copies of them, by what became of them";
        registry.register("template_events", help, templates.clone());
        let templates_kept = Gauge::default();
        registry.register("templates", "Templates of machines that there are now", templates_kept.clone());
        let template_bytes = Gauge::default();
        registry.register("template_memory_bytes", "Memory that templates take", template_bytes.clone());
        let template_limit = Gauge::default();
        registry.register("template_memory_limit_bytes", "Memory that they may take", template_limit.clone());
        Self {
            registry,
            sessions,
            started,
            start_failures,
            start_seconds,
            ended,
            cpu_milliseconds,
            calls,
            call_seconds,
            refused,
            dropped,
            output_lines,
            http,
            warm,
            warm_ended,
            queue_length,
            queue_wait_seconds,
            node_budget,
            node_taken,
            egress_refused,
            egress_bytes,
            execs_running,
            execs,
            hibernations,
            hibernate_seconds,
            wakes,
            wake_seconds,
            rest_failures,
            frozen,
            hibernated,
            hibernation_bytes,
            hibernation_limit,
            templates,
            templates_kept,
            template_bytes,
            template_limit,
        }
    }
}

impl Metrics {
    pub(crate) fn observe(&self, event: &Event<'_>) {
        match *event {
            Event::SessionStarting { .. } => {}
            Event::SessionStarted { server, took, kind, .. } => {
                self.sessions.get_or_create(&server_label(server)).inc();
                let labels = [("server", server.to_owned()), ("kind", kind.as_str().to_owned())];
                self.started.get_or_create(&labels).inc();
                self.start_seconds.get_or_create(&labels).observe(took.as_secs_f64());
            }
            Event::Warmed { server, .. } => {
                self.warm.get_or_create(&server_label(server)).inc();
            }
            Event::WarmEnded { server, why, .. } => {
                self.warm.get_or_create(&server_label(server)).dec();
                let labels = [("server", server.to_owned()), ("reason", why.as_str().to_owned())];
                self.warm_ended.get_or_create(&labels).inc();
            }
            Event::Capacity { waiting, sessions, memory, millicores } => {
                self.queue_length.set(i64::try_from(waiting).unwrap_or(i64::MAX));
                self.capacity("sessions", sessions.0, Some(sessions.1), 1.0);
                self.capacity("memory_bytes", memory.0, memory.1, 1.0);
                self.capacity("cpu_cores", millicores.0, millicores.1, 1e-3);
            }
            Event::Waited { took, how } => {
                let labels = [("outcome", how.as_str().to_owned())];
                self.queue_wait_seconds.get_or_create(&labels).observe(took.as_secs_f64());
            }
            Event::StartFailed { server, .. } => {
                self.start_failures.get_or_create(&server_label(server)).inc();
            }
            Event::SessionEnded { server, reason, cpu, .. } => {
                self.sessions.get_or_create(&server_label(server)).dec();
                self.ended.get_or_create(&[("server", server.to_owned()), ("reason", reason.to_owned())]).inc();
                let millis = u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX);
                self.cpu_milliseconds.get_or_create(&server_label(server)).inc_by(millis);
            }
            Event::SessionRests { server, kind, took, .. } => {
                let labels = [("server", server.to_owned()), ("kind", kind.as_str().to_owned())];
                self.hibernations.get_or_create(&labels).inc();
                self.hibernate_seconds.get_or_create(&labels).observe(took.as_secs_f64());
                match kind {
                    RestKind::Disk => self.sessions.get_or_create(&server_label(server)).dec(),
                    RestKind::Freeze => self.frozen.get_or_create(&server_label(server)).inc(),
                };
            }
            Event::SessionWoken { server, kind, took, .. } => {
                let labels = [("server", server.to_owned()), ("kind", kind.as_str().to_owned())];
                self.wakes.get_or_create(&labels).inc();
                self.wake_seconds.get_or_create(&labels).observe(took.as_secs_f64());
                match kind {
                    RestKind::Disk => self.sessions.get_or_create(&server_label(server)).inc(),
                    RestKind::Freeze => self.frozen.get_or_create(&server_label(server)).dec(),
                };
            }
            Event::RestFailed { server, what, .. } => {
                self.rest_failures.get_or_create(&[("server", server.to_owned()), ("what", what.to_owned())]).inc();
            }
            Event::SleeperEnded { server, reason, .. } => {
                self.ended.get_or_create(&[("server", server.to_owned()), ("reason", reason.to_owned())]).inc();
            }
            Event::Template { outcome, kept, bytes, limit, .. } => {
                self.templates.get_or_create(&[("outcome", outcome.as_str().to_owned())]).inc();
                self.templates_kept.set(whole(kept as u64));
                self.template_bytes.set(whole(bytes));
                self.template_limit.set(whole(limit));
            }
            Event::HibernationDisk { sessions, bytes, limit } => {
                self.hibernated.set(whole(sessions as u64));
                self.hibernation_bytes.set(whole(bytes));
                self.hibernation_limit.set(whole(limit));
            }
            Event::CallEnded { server, method, outcome, took, .. } => {
                let method = bounded_method(method);
                self.calls
                    .get_or_create(&[
                        ("server", server.to_owned()),
                        ("method", method.to_owned()),
                        ("outcome", outcome.as_str().to_owned()),
                    ])
                    .inc();
                self.call_seconds
                    .get_or_create(&[("server", server.to_owned()), ("method", method.to_owned())])
                    .observe(took.as_secs_f64());
            }
            Event::Refused { cause } => {
                self.refused.get_or_create(&[("cause", cause.to_owned())]).inc();
            }
            Event::Dropped { server, cause, count, .. } => {
                self.dropped
                    .get_or_create(&[("server", server.to_owned()), ("cause", cause.as_str().to_owned())])
                    .inc_by(count);
            }
            Event::ServerOutput { server, stream, .. } => {
                self.output_lines.get_or_create(&[("server", server.to_owned()), ("stream", stream.to_owned())]).inc();
            }
            Event::EgressOpened { .. } | Event::EgressUnreachable { .. } => {}
            Event::EgressClosed { server, sent, received, .. } => {
                for (direction, bytes) in [("out", sent), ("in", received)] {
                    self.egress_bytes
                        .get_or_create(&[("server", server.to_owned()), ("direction", direction.to_owned())])
                        .inc_by(bytes);
                }
            }
            Event::EgressRefused { server, rule, .. } => {
                self.egress_refused.get_or_create(&[("server", server.to_owned()), ("rule", rule.to_owned())]).inc();
            }
            Event::ExecStarted { server, .. } => {
                self.execs_running.get_or_create(&server_label(server)).inc();
            }
            Event::ExecRefused { server, .. } => self.exec(server, "refused"),
            Event::ExecEnded { server, outcome, .. } => {
                self.execs_running.get_or_create(&server_label(server)).dec();
                self.exec(server, outcome.as_str());
            }
            Event::Http { status } => {
                self.http.get_or_create(&[("status", status.to_string())]).inc();
            }
        }
    }

    fn exec(&self, server: &str, outcome: &str) {
        let labels = [("server", server.to_owned()), ("outcome", outcome.to_owned())];
        self.execs.get_or_create(&labels).inc();
    }

    fn capacity(&self, budget: &str, taken: u64, limit: Option<u64>, unit: f64) {
        let labels = [("budget", budget.to_owned())];
        self.node_taken.get_or_create(&labels).set(taken as f64 * unit);
        if let Some(limit) = limit {
            self.node_budget.get_or_create(&labels).set(limit as f64 * unit);
        }
    }

    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail; a metric that refuses to encode is simply left out.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn server_label(server: &str) -> Labels<1> {
    [("server", server.to_owned())]
}

/// The methods a client may send, so that a hostile client cannot mint label values.
fn bounded_method(method: &str) -> &str {
    const KNOWN: [&str; 14] = [
        "initialize",
        "ping",
        "tools/list",
        "tools/call",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "completion/complete",
        "logging/setLevel",
        "server/discover",
    ];
    if KNOWN.contains(&method) { method } else { "other" }
}
