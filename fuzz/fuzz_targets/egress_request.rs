//! Any bytes are a request to the gate or an error; never a panic. What is read has one meaning: its target, written out,
//! reads as the same target.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessile_egress::head::{Form, head_end};
use sessile_egress::{AllowList, Host, RequestHead, Rule, Target};

fuzz_target!(|data: &[u8]| {
    if let Ok(Some(end)) = head_end(data) {
        if let Ok(head) = RequestHead::parse(&data[..end]) {
            if let Form::Connect(target) | Form::Absolute { target, .. } = &head.form {
                assert_eq!(Target::parse(&target.to_string(), None).as_ref(), Ok(target));
            }
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(host) = Host::parse(text) {
        assert_eq!(Host::parse(&host.to_string()), Ok(host));
    }
    if let Ok(rule) = text.parse::<Rule>() {
        assert!(AllowList::parse(&[rule.to_string()]).is_ok_and(|list| list.rules() == [rule]));
    }
});
