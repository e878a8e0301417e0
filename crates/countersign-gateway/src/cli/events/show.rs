//! Events as people read them.

use std::io::{self, Write as _};

use super::super::out::{Out, printable};
use super::super::table::table;
use super::api::{Delivery, Event, Page};

/// A page, as a table.
pub(super) fn list(page: &Page, out: &mut Out) -> io::Result<()> {
    if page.events.is_empty() {
        return writeln!(out, "no events");
    }
    let mut rows = table([
        "event",
        "received",
        "flow",
        "request",
        "bytes",
        "key",
        "state",
        "deliveries",
    ]);
    for event in &page.events {
        rows.add_row([
            event.id.clone(),
            event.received.clone(),
            event.flow.clone(),
            format!("{} {}", event.method, event.target.escape_debug()),
            event.size.to_string(),
            event.key.clone().unwrap_or_default(),
            event.state.clone(),
            summary(&event.deliveries),
        ]);
    }
    writeln!(out, "{rows}")?;
    match &page.next {
        Some(next) => writeln!(out, "older ones: --before {next}"),
        None => Ok(()),
    }
}

fn summary(deliveries: &[Delivery]) -> String {
    let words: Vec<_> = deliveries
        .iter()
        .map(|delivery| {
            format!(
                "{}: {} after {}",
                delivery.step, delivery.state, delivery.attempts
            )
        })
        .collect();
    words.join(", ")
}

/// One event, with its deliveries and attempts.
pub(super) fn show(event: &Event, out: &mut Out) -> io::Result<()> {
    writeln!(
        out,
        "{} {} in flow {}",
        out.strong(&event.id),
        event.state,
        event.flow
    )?;
    writeln!(
        out,
        "received {}, key {}, {} bytes\n",
        event.received,
        event.key.as_deref().unwrap_or("none"),
        event.size
    )?;
    writeln!(out, "{} {}", event.method, event.target.escape_debug())?;
    for header in &event.headers {
        writeln!(out, "{}: {}", header.name, header.value.escape_debug())?;
    }
    match event.body.as_ref().map(|body| &body.text) {
        _ if event.size == 0 => {}
        Some(Some(text)) => writeln!(out, "\n{}", printable(text))?,
        _ => writeln!(out, "\n[a binary body; --json has it in base64]")?,
    }
    if event.deliveries.is_empty() {
        return writeln!(out, "\nnothing to deliver: the flow had no steps");
    }
    let mut rows = table(["step", "state", "attempts", "next try", "reason"]);
    for delivery in &event.deliveries {
        rows.add_row([
            delivery.step.clone(),
            delivery.state.clone(),
            delivery.attempts.to_string(),
            delivery.due.clone().unwrap_or_default(),
            delivery.reason.clone().unwrap_or_default(),
        ]);
    }
    writeln!(out, "\n{rows}")?;
    if event.attempts.is_empty() {
        return Ok(());
    }
    let mut rows = table([
        "step", "attempt", "started", "took", "outcome", "status", "error",
    ]);
    for attempt in &event.attempts {
        rows.add_row([
            attempt.step.clone(),
            attempt.number.to_string(),
            attempt.started.clone(),
            format!("{:.1} ms", attempt.took_ms),
            attempt.outcome.clone(),
            attempt
                .status
                .map(|status| status.to_string())
                .unwrap_or_default(),
            printable(attempt.error.as_deref().unwrap_or_default()),
        ]);
    }
    writeln!(out, "\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::super::super::admin::read;
    use super::super::super::out::testing::Printed;
    use super::*;

    const EVENT: &str = r#"{
        "id": "evt_1", "organization": "default", "flow": "orders", "received": "2026-11-21T12:00:00.000Z",
        "method": "POST", "target": "/hooks/orders", "key": "2026", "size": 4, "state": "done",
        "deliveries": [{ "step": "billing", "state": "done", "attempts": 3, "due": null, "reason": null }],
        "headers": [{ "name": "content-type", "value": "text/plain" }],
        "body": { "base64": "dGVzdA==", "text": "te\u001bst" },
        "attempts": [{ "step": "billing", "number": 1, "started": "2026-11-21T12:00:00.100Z", "took_ms": 1.5,
            "outcome": "refused", "status": 503, "error": "status 503", "answer": { "base64": "", "text": "" } }] }"#;

    #[test]
    fn a_list_shows_each_event_and_how_to_see_older_ones() {
        let printed = Printed::default();

        list(
            &read(format!(r#"{{"events": [{EVENT}], "next": "evt_1"}}"#).as_bytes()).unwrap(),
            &mut printed.out(),
        )
        .unwrap();

        let text = printed.text();
        assert!(text.contains("billing: done after 3"), "{text}");
        assert!(text.ends_with("older ones: --before evt_1\n"), "{text}");
    }

    #[test]
    fn an_event_of_a_flow_without_steps_says_so_instead_of_an_empty_table() {
        let printed = Printed::default();
        let mut event: Event = read(EVENT.as_bytes()).unwrap();
        event.deliveries.clear();
        event.attempts.clear();

        show(&event, &mut printed.out()).unwrap();

        let text = printed.text();
        assert!(
            text.ends_with("\nnothing to deliver: the flow had no steps\n"),
            "{text}"
        );
    }

    #[test]
    fn one_event_is_shown_with_its_attempts_and_drives_no_terminal() {
        let printed = Printed::default();

        show(&read(EVENT.as_bytes()).unwrap(), &mut printed.out()).unwrap();

        let text = printed.text();
        assert!(text.contains("te\\u{1b}st"), "{text}");
        assert!(text.contains("status 503"), "{text}");
    }
}
