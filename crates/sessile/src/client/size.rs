//! Amounts as people read them.

use std::time::Duration;

/// Bytes in binary units, one decimal: `512 B`, `1.5 KiB`, `3.0 GiB`.
#[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn bytes(count: u64) -> String {
    let mut amount = count as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{count} B") } else { format!("{amount:.1} {unit}") }
}

/// A duration in at most two units: `350ms`, `12s`, `3m 5s`, `2days 4h`.
pub(crate) fn duration(millis: u64) -> String {
    let whole = if millis < 1000 { Duration::from_millis(millis) } else { Duration::from_secs(millis / 1000) };
    let text = humantime::format_duration(whole).to_string();
    let parts: Vec<&str> = text.split(' ').take(2).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests;
