use super::*;
use std::time::Duration;

#[test]
fn a_session_and_its_calls_show_up_in_the_metrics() {
    let telemetry = Telemetry::new();
    let took = Duration::from_millis(3);
    telemetry.emit(&Event::SessionStarted { server: "files", session: "s", took, kind: StartKind::Cold });
    telemetry.emit(&Event::CallEnded {
        server: "files",
        session: "s",
        request: "1",
        method: "tools/call",
        subject: Some("read"),
        outcome: CallOutcome::Ok,
        took: Duration::from_micros(90),
    });
    let text = telemetry.render_metrics();
    assert!(text.contains("sessile_sessions{server=\"files\"} 1"), "{text}");
    assert!(text.contains("sessile_calls_total{server=\"files\",method=\"tools/call\",outcome=\"ok\"} 1"), "{text}");
    telemetry.emit(&Event::SessionEnded {
        server: "files",
        session: "s",
        reason: "client_delete",
        exit: "0",
        lived: Duration::from_secs(1),
        cpu: Duration::from_millis(40),
        memory_peak: None,
    });
    let text = telemetry.render_metrics();
    assert!(text.contains("sessile_sessions{server=\"files\"} 0"), "{text}");
    assert!(text.contains("reason=\"client_delete\"} 1"), "{text}");
}

#[test]
fn what_becomes_of_templates_is_counted_beside_what_they_take() {
    let telemetry = Telemetry::new();
    for outcome in [TemplateOutcome::Made, TemplateOutcome::NotCopied, TemplateOutcome::NotCopied] {
        let (kind, detail) = ("emulation, 256 MiB", "it did not answer in time");
        telemetry.emit(&Event::Template { outcome, kind, detail, kept: 1, bytes: 256, limit: 1024 });
    }
    let text = telemetry.render_metrics();
    assert!(text.contains("sessile_template_events_total{outcome=\"made\"} 1"), "{text}");
    assert!(text.contains("sessile_template_events_total{outcome=\"not_copied\"} 2"), "{text}");
    assert!(text.contains("sessile_templates 1\n"), "{text}");
    assert!(text.contains("sessile_template_memory_bytes 256\n"), "{text}");
    assert!(text.contains("sessile_template_memory_limit_bytes 1024\n"), "{text}");
}

#[test]
fn what_servers_do_outside_is_counted_by_server_and_rule() {
    let telemetry = Telemetry::new();
    let told = EgressTold { reason: "no", detail: None };
    for told in [Some(told), None] {
        telemetry.emit(&Event::EgressRefused { server: "files", session: "s", rule: "not_listed", told });
    }
    telemetry.emit(&Event::EgressClosed {
        server: "files",
        session: "s",
        target: "a.example:443",
        sent: 3,
        received: 5,
        lasted: Duration::from_secs(1),
    });
    let text = telemetry.render_metrics();
    assert!(text.contains("sessile_egress_refused_total{server=\"files\",rule=\"not_listed\"} 2"), "{text}");
    assert!(text.contains("sessile_egress_bytes_total{server=\"files\",direction=\"out\"} 3"), "{text}");
    assert!(text.contains("sessile_egress_bytes_total{server=\"files\",direction=\"in\"} 5"), "{text}");
    assert!(!text.contains("a.example"), "{text}");
}

#[test]
fn a_client_cannot_mint_label_values() {
    let telemetry = Telemetry::new();
    for n in 0..1_000 {
        let method = format!("evil/{n}");
        telemetry.emit(&Event::CallEnded {
            server: "files",
            session: "s",
            request: "1",
            method: &method,
            subject: None,
            outcome: CallOutcome::Error,
            took: Duration::ZERO,
        });
    }
    let text = telemetry.render_metrics();
    assert!(!text.contains("evil/"));
    assert!(text.contains("method=\"other\",outcome=\"error\"} 1000"), "{text}");
}

#[test]
fn what_is_taken_and_who_waits_shows_up() {
    let telemetry = Telemetry::new();
    telemetry.emit(&Event::Capacity {
        waiting: 3,
        sessions: (7, 9),
        memory: (1 << 30, Some(1 << 31)),
        millicores: (1500, None),
    });
    telemetry.emit(&Event::Waited { took: Duration::from_secs(5), how: Waited::TimedOut });
    telemetry.emit(&Event::Warmed { server: "files", session: "s", took: Duration::ZERO });
    telemetry.emit(&Event::Warmed { server: "files", session: "t", took: Duration::ZERO });
    telemetry.emit(&Event::WarmEnded { server: "files", session: "s", why: WarmEnd::Used, detail: "" });
    let text = telemetry.render_metrics();
    for row in [
        "sessile_queue_length 3",
        "sessile_node_taken{budget=\"sessions\"} 7.0",
        "sessile_node_budget{budget=\"memory_bytes\"} 2147483648.0",
        "sessile_node_taken{budget=\"cpu_cores\"} 1.5",
        "sessile_queue_wait_seconds_count{outcome=\"timed_out\"} 1",
        "sessile_pool_warm{server=\"files\"} 1",
        "sessile_pool_ended_total{server=\"files\",reason=\"used\"} 1",
    ] {
        assert!(text.lines().any(|line| line == row), "{row} is not in\n{text}");
    }
    assert!(!text.contains("node_budget{budget=\"cpu_cores\"}"), "what is not bounded has no bound\n{text}");
}
