//! One form for every host, and none for what could be read in two ways.

use super::*;
use proptest::prelude::*;

fn name(text: &str) -> Host {
    Host::Name(Name(text.to_owned()))
}

#[test]
fn names_have_one_form() {
    for text in
        ["example.com", "EXAMPLE.com", "example.com.", "ｅｘａｍｐｌｅ.com", "exam\u{ad}ple.com", "example。com"]
    {
        assert_eq!(Host::parse(text), Ok(name("example.com")), "{text}");
    }
    assert_eq!(Host::parse("Bücher.example"), Ok(name("xn--bcher-kva.example")));
    assert_eq!(Host::parse("xn--bcher-kva.example"), Ok(name("xn--bcher-kva.example")));
    assert_eq!(Host::parse("_dmarc.x-y.example"), Ok(name("_dmarc.x-y.example")));
}

#[test]
fn addresses_have_one_form() {
    for text in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "１２７.0.0.1",
        "[::ffff:7f00:1]",
    ] {
        assert_eq!(Host::parse(text), Ok(Host::Address([127, 0, 0, 1].into())), "{text}");
    }
    assert_eq!(Host::parse("[0::1]"), Ok(Host::Address(std::net::Ipv6Addr::LOCALHOST.into())));
}

#[test]
fn what_two_programs_could_read_differently_is_no_host() {
    let long = format!("{}.example", "a".repeat(64));
    let longer = ["a".repeat(60).as_str(); 5].join(".");
    for (text, error) in [
        ("", HostError::Empty),
        ("a@b", HostError::UserName),
        ("a%2eb", HostError::Character('%')),
        ("a\\b", HostError::Character('\\')),
        ("a/b", HostError::Character('/')),
        ("a b", HostError::Character(' ')),
        ("a\0b", HostError::Character('\0')),
        ("a\u{85}b", HostError::Character('\u{85}')),
        ("a..b", HostError::Malformed),
        (".", HostError::Malformed),
        ("a..", HostError::Malformed),
        ("::1", HostError::Malformed),
        ("1.2.3.4.5", HostError::Malformed),
        ("256.1.1.1", HostError::Malformed),
        ("[::1", HostError::Malformed),
        ("xn--a.example", HostError::Malformed),
        (&long, HostError::Malformed),
        (&longer, HostError::TooLong),
    ] {
        assert_eq!(Host::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn below_is_not_beside() {
    let below = |one: &str, other: &str| Name(one.to_owned()).is_below(&Name(other.to_owned()));
    assert!(below("a.b.c", "b.c") && below("a.b.c", "c"));
    assert!(!below("b.c", "b.c") && !below("ab.c", "b.c") && !below("c", "b.c"));
}

proptest! {
    #[test]
    fn a_form_is_its_own_form(text in "\\PC{0,40}") {
        if let Ok(host) = Host::parse(&text) {
            prop_assert_eq!(Host::parse(&host.to_string()), Ok(host));
        }
    }

    #[test]
    fn a_name_is_plain_and_never_an_address(text in "[a-zA-Z0-9xX._-]{1,30}") {
        if let Ok(Host::Name(name)) = Host::parse(&text) {
            prop_assert!(name.as_str().parse::<IpAddr>().is_err());
            prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b)));
            let last = name.as_str().rsplit('.').next().unwrap();
            prop_assert!(!last.bytes().all(|byte| byte.is_ascii_digit()), "a resolver could take {text} for a number");
        }
    }

    #[test]
    fn every_notation_of_ipv4_is_the_same(bits in any::<u32>(), shape in 0..6usize) {
        let [a, b, c, d] = bits.to_be_bytes();
        let text = match shape {
            0 => format!("{bits}"),
            1 => format!("{bits:#x}"),
            2 => format!("0{bits:o}"),
            3 => format!("{a:#x}.0{b:o}.{c}.{d:#X}").replace("0X", "0x"),
            4 => format!("{a}.{}", bits & 0xff_ffff),
            _ => format!("{a}.{b}.{}.", bits & 0xffff),
        };
        prop_assert_eq!(Host::parse(&text), Ok(Host::Address(std::net::Ipv4Addr::from_bits(bits).into())), "{}", text);
    }
}
