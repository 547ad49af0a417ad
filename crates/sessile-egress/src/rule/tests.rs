//! How entries are written, and what is said about those that cannot be read.

use super::*;
use proptest::prelude::*;

#[test]
fn entries_have_one_form() {
    for (entry, form) in [
        ("api.example.com:443", "api.example.com:443"),
        ("API.Example.com.:443", "api.example.com:443"),
        ("Bücher.example:443", "xn--bcher-kva.example:443"),
        ("*.example.com:443", "*.example.com:443"),
        ("*.com:*", "*.com:*"),
        ("*:443", "*:443"),
        ("*:*", "*:*"),
        ("10.0.0.0/8:5432", "10.0.0.0/8:5432"),
        ("0.0.0.0/0:1", "0.0.0.0/0:1"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("127.0.0.1/32:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "[::1]:8080"),
        ("[fd00::/8]:443", "[fd00::/8]:443"),
        ("[::/0]:443", "[::/0]:443"),
        ("[2000::/3]:443", "[2000::/3]:443"),
    ] {
        assert_eq!(entry.parse::<Rule>().map(|rule| rule.to_string()), Ok(form.to_owned()));
    }
}

#[test]
fn errors_say_what_to_write() {
    for (entry, said) in [
        ("api.example.com", "names no port; write `api.example.com:443`, or `api.example.com:*` for every port"),
        ("10.0.0.0/8", "names no port; write `10.0.0.0/8:443`, or `10.0.0.0/8:*` for every port"),
        ("https://api.example.com", "is a URL; write host and port alone, as in `api.example.com:443`"),
        ("api.example.com:", "has no port from 1 to 65535, nor `*`, behind the colon"),
        ("api.example.com:70000", "has no port from 1 to 65535, nor `*`, behind the colon"),
        ("api.example.com:0443", "has no port from 1 to 65535, nor `*`, behind the colon"),
        ("::1:443", "is not clear about its port: an IPv6 address goes into brackets, as in `[::1]:443`"),
        ("fd00::/8:443", "is not clear about its port: an IPv6 address goes into brackets, as in `[::1]:443`"),
        ("[::1:443", "is not clear about its port: an IPv6 address goes into brackets, as in `[::1]:443`"),
        ("api.*.com:443", "has `*` in a place other than the first label; write it as in `*.example.com:443`"),
        ("*example.com:443", "has `*` in a place other than the first label; write it as in `*.example.com:443`"),
        ("*.:443", "has no name behind `*.`; write it as in `*.example.com:443`"),
        ("*.10.0.0.1:443", "has no name behind `*.`; write it as in `*.example.com:443`"),
        ("0177.0.0.1:80", "is a way to write the address 127.0.0.1; write it as `127.0.0.1:PORT`"),
        ("127.1:80", "is a way to write the address 127.0.0.1; write it as `127.0.0.1:PORT`"),
        ("[::ffff:127.0.0.1]:80", "carries an IPv4 address; list that one, as in `127.0.0.1:PORT`"),
        ("[64:ff9b::/96]:80", "carries an IPv4 address; list that one, as in `0.0.0.0:PORT`"),
        ("10.0.0.1/8:80", "has bits set behind its prefix; write `10.0.0.0/8`, or one address without `/`"),
        ("10.0.0.0/33:80", "has no number from 0 to 32 behind `/`"),
        ("10.0.0.0/08:80", "has no number from 0 to 32 behind `/`"),
        ("10.0.0.0/:80", "has no number from 0 to 32 behind `/`"),
        ("example.com/8:80", "is no network; write it as in `10.0.0.0/8:443`"),
        ("user@example.com:80", "cannot be read: the host has a user name in front of it; write the host alone"),
        ("exa mple.com:80", "cannot be read: the host has the character ' ', which no host has"),
        (":80", "cannot be read: the host is empty"),
        ("", "names no port; write `:443`, or `:*` for every port"),
    ] {
        let error = entry.parse::<Rule>().expect_err(entry);
        assert_eq!(error.to_string(), format!("`{entry}` {said}"));
    }
}

#[test]
fn a_network_opens_only_the_block_it_lies_in() {
    let lists = |network: &str, address: &str| Network::parse(network).unwrap().lists(address.parse().unwrap());
    assert!(lists("10.0.0.0/8", "10.1.2.3") && lists("10.1.0.0/16", "10.1.2.3"));
    assert!(!lists("8.0.0.0/5", "10.1.2.3") && lists("8.0.0.0/5", "9.9.9.9"));
    assert!(!lists("0.0.0.0/0", "127.0.0.1") && lists("0.0.0.0/0", "8.8.8.8"));
    assert!(!lists("169.254.0.0/16", "169.254.169.254") && lists("169.254.169.254", "169.254.169.254"));
    assert!(!lists("fd00::/8", "fd00:ec2::254") && lists("fd00::/8", "fd00:ec3::254"));
    assert!(!lists("::/0", "::1") && lists("::1", "::1"));
    assert!(!lists("0.0.0.0/0", "2606:4700::1"));
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(text in "(\\*\\.)?[a-z0-9.*/:\\[\\]-]{0,24}:(443|\\*)") {
        if let Ok(rule) = text.parse::<Rule>() {
            prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
        }
    }

    #[test]
    fn anything_is_a_rule_or_an_error(text in "\\PC{0,60}") {
        if let Err(error) = text.parse::<Rule>() {
            prop_assert!(error.to_string().starts_with('`'));
        }
    }
}
