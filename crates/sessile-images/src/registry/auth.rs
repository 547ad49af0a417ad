//! `WWW-Authenticate`: which proof a registry wants (RFC 9110 section 11, and the registry token protocol).

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token, to be had at `realm`.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
    /// Name and password.
    Basic,
}

impl Challenge {
    /// The challenge that can be met best.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let mut challenges: Vec<_> = values.filter_map(Self::parse).collect();
        let bearer = challenges.iter().position(|challenge| matches!(challenge, Self::Bearer { .. })).unwrap_or(0);
        (bearer < challenges.len()).then(|| challenges.swap_remove(bearer))
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        let mut rest = rest;
        while let Some((key, value, after)) = parameter(rest) {
            match key.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                "scope" => scope = Some(value),
                _ => {}
            }
            rest = after;
        }
        Some(Self::Bearer { realm: realm?, service, scope })
    }
}

/// `KEY="VALUE"` or `KEY=VALUE`, and what is behind the comma.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let (key, rest) = text.trim_start_matches([' ', ',', '\t']).split_once('=')?;
    let Some(quoted) = rest.strip_prefix('"') else {
        let (value, after) = rest.split_once(',').unwrap_or((rest, ""));
        return Some((key.trim(), value.trim().to_owned(), after));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((key.trim(), value, quoted.get(at + 1..)?)),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

    use super::Challenge;

    #[test]
    fn the_usual_challenges_are_understood() {
        let text = r#"Bearer realm="https://auth.example/token?a=b,c",service="r.example", scope="repository:x:pull,push",error="e""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.example/token?a=b,c".to_owned(),
            service: Some("r.example".to_owned()),
            scope: Some("repository:x:pull,push".to_owned()),
        };
        assert_eq!(Challenge::parse(text), Some(expected.clone()));
        assert_eq!(Challenge::parse("basic realm=\"x\""), Some(Challenge::Basic));
        let bare = Challenge::Bearer { realm: "https://a".to_owned(), service: None, scope: None };
        assert_eq!(Challenge::parse("BEARER realm=https://a"), Some(bare));
        for none in ["", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"unended", "Negotiate x"] {
            assert_eq!(Challenge::parse(none), None, "{none}");
        }
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"x\""));
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(text).unwrap());
        assert_eq!(Challenge::of(&headers), Some(expected), "a token before a password");
        assert_eq!(Challenge::of(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn no_challenge_makes_it_panic(text in any::<String>(), parameters in "Bearer ([a-z]*=?\"?[a-z\\\\é]*\"?,? ?){0,6}") {
            let _ = (Challenge::parse(&text), Challenge::parse(&parameters));
        }
    }
}
