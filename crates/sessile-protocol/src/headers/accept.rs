//! `Accept` (RFC 9110, section 12.5.1).

/// Whether a client that sent these `Accept` values takes media type `mime` (`type/subtype`, no parameters).
///
/// The most specific range that matches decides, and `q=0` refuses. A request without the header takes anything,
/// as RFC 9110 has it.
pub fn accepts<'a>(values: impl IntoIterator<Item = &'a str>, mime: &str) -> bool {
    let mut any_value = false;
    let mut best: Option<(u8, bool)> = None;
    for value in values {
        any_value = true;
        for range in value.split(',') {
            let Some((specificity, taken)) = judge(range, mime) else {
                continue;
            };
            // Among equally specific ranges (`a/b;q=0, a/b`), one that takes it is enough.
            best = best.max(Some((specificity, taken)));
        }
    }
    best.map_or(!any_value, |(_, taken)| taken)
}

/// Whether a client would rather have `wanted` than `other` (both `type/subtype`): it names `wanted` itself, with a
/// higher quality, or with the same one and earlier. HTTP leaves the choice among equals to the server; the order in
/// which a client writes them is the best hint there is.
pub fn prefers<'a>(values: impl IntoIterator<Item = &'a str>, wanted: &str, other: &str) -> bool {
    let mut found: [Option<(u16, usize)>; 2] = [None; 2];
    for (place, range) in values.into_iter().flat_map(|value| value.split(',')).enumerate() {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(quality_of).unwrap_or(1000);
        for (slot, mime) in found.iter_mut().zip([wanted, other]) {
            if slot.is_none() && name.eq_ignore_ascii_case(mime) {
                *slot = Some((quality, place));
            }
        }
    }
    match found {
        [Some((wanted, first)), Some((other, second))] => wanted > other || (wanted == other && first < second),
        [Some(_), None] => true,
        [None, _] => false,
    }
}

/// The thousandths of a `q=` parameter; what cannot be read counts as 1.
fn quality_of(parameter: &str) -> Option<u16> {
    let (key, value) = parameter.split_once('=')?;
    let quality = value.trim().parse::<f32>().unwrap_or(1.0).clamp(0.0, 1.0);
    // Between 0 and 1000, so nothing is lost.
    key.trim().eq_ignore_ascii_case("q").then_some((quality * 1000.0) as u16)
}

/// How closely one media range fits `mime` (higher is closer), and whether it takes or refuses it.
fn judge(range: &str, mime: &str) -> Option<(u8, bool)> {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next()?;
    let specificity = if name.eq_ignore_ascii_case(mime) {
        2
    } else if name == "*/*" {
        0
    } else {
        let kind = name.strip_suffix("/*")?;
        mime.split('/').next().filter(|wanted| wanted.eq_ignore_ascii_case(kind))?;
        1
    };
    let quality = parts.find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    Some((specificity, quality.is_none_or(|quality| !is_zero(quality))))
}

/// `0`, `0.`, `0.0`, `0.00` or `0.000`.
fn is_zero(quality: &str) -> bool {
    quality.strip_prefix('0').is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('.').is_some_and(|digits| digits.bytes().all(|digit| digit == b'0'))
    })
}
