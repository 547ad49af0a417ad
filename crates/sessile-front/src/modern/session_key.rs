//! The session that a modern request names (keys 3 and 4 of the table in `sessions.md`).

use http::{HeaderMap, HeaderValue};
use sessile_protocol::headers::{AGENTCORE_SESSION, SESSILE_SESSION};
use sessile_protocol::meta::SESSION;

/// The longest key, in bytes.
const MAX_KEY: usize = 256;

/// What is wrong with the session that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// It is empty, too long, or has other characters.
    #[error("{place} names no session: a name is 1 to {MAX_KEY} visible ASCII characters")]
    Malformed { place: &'static str },
    /// Two places name two sessions.
    #[error("the request names two sessions, in headers or in _meta[{SESSION:?}]: name one, or the same everywhere")]
    Two,
}

/// The key in the headers and in `_meta`, of which `meta` is the member for it.
pub(super) fn find(headers: &HeaderMap, meta: Option<&str>) -> Result<Option<String>, KeyError> {
    let named =
        |place: &'static str| headers.get_all(place).iter().map(move |value| (place, HeaderValue::as_bytes(value)));
    let named = named(SESSILE_SESSION).chain(named(AGENTCORE_SESSION));
    let mut found: Option<String> = None;
    for (place, value) in named.chain(meta.map(|key| (SESSION, key.as_bytes()))) {
        let key = read(value).ok_or(KeyError::Malformed { place })?;
        match &found {
            Some(known) if known != key => return Err(KeyError::Two),
            _ => found = Some(key.to_owned()),
        }
    }
    Ok(found)
}

fn read(value: &[u8]) -> Option<&str> {
    let visible = value.iter().all(|byte| byte.is_ascii_graphic());
    if value.is_empty() || value.len() > MAX_KEY || !visible {
        return None;
    }
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sent: &[(&'static str, &str)], meta: Option<&str>) -> Result<Option<String>, KeyError> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        find(&headers, meta)
    }

    #[test]
    fn any_of_three_places_names_the_session() {
        let mine = Ok(Some("mine".to_owned()));
        assert_eq!(key(&[(SESSILE_SESSION, "mine")], None), mine);
        assert_eq!(key(&[(AGENTCORE_SESSION, "mine")], None), mine);
        assert_eq!(key(&[], Some("mine")), mine);
        assert_eq!(key(&[(SESSILE_SESSION, "mine"), (AGENTCORE_SESSION, "mine")], Some("mine")), mine);
        assert_eq!(key(&[], None), Ok(None));
    }

    #[test]
    fn two_names_that_differ_are_refused() {
        for (sent, meta) in [
            (&[(SESSILE_SESSION, "a"), (SESSILE_SESSION, "b")][..], None),
            (&[(SESSILE_SESSION, "a"), (AGENTCORE_SESSION, "b")], None),
            (&[(SESSILE_SESSION, "a")], Some("A")),
        ] {
            assert_eq!(key(sent, meta), Err(KeyError::Two), "{sent:?} {meta:?}");
        }
    }

    #[test]
    fn a_name_is_visible_ascii_of_some_length() {
        let long = "x".repeat(MAX_KEY);
        assert!(key(&[(SESSILE_SESSION, "!~")], None).is_ok());
        assert!(key(&[], Some(&long)).is_ok());
        for bad in ["", "a b", "\t", "é", &format!("{long}x")] {
            let refused = Err(KeyError::Malformed { place: SESSION });
            assert_eq!(key(&[], Some(bad)), refused, "{bad:?}");
            let refused = Err(KeyError::Malformed { place: SESSILE_SESSION });
            assert_eq!(key(&[(SESSILE_SESSION, bad)], None), refused, "{bad:?}");
        }
        assert!(key(&[(SESSILE_SESSION, "good"), (AGENTCORE_SESSION, "b d")], None).is_err());
    }
}
