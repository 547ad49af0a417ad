use super::*;
use rmcp::ErrorData;
use rmcp::model::ErrorCode;

fn target() -> Target {
    Target::of("http://h:1/mcp".parse().unwrap())
}

fn rpc(code: ErrorCode) -> ClientInitializeError {
    ClientInitializeError::JsonRpcError(ErrorData::new(code, "no\x07", None))
}

fn speaks(versions: &[ProtocolVersion]) -> ClientInitializeError {
    ClientInitializeError::NoCompatibleProtocolVersion {
        client_supported: vec![ProtocolVersion::V_2026_07_28],
        server_supported: versions.to_vec(),
    }
}

#[test]
fn only_what_a_modern_server_says_rules_out_the_legacy_era() {
    for legacy in [ErrorCode::METHOD_NOT_FOUND, ErrorCode::INVALID_REQUEST, ErrorCode(-32000), ErrorCode(7)] {
        assert!(may_be_legacy(&target(), &rpc(legacy)), "{legacy:?}");
    }
    for modern in [ErrorCode::HEADER_MISMATCH, ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY] {
        assert!(!may_be_legacy(&target(), &rpc(modern)), "{modern:?}");
    }
    let newer: ProtocolVersion = serde_json::from_str("\"2027-01-01\"").unwrap();
    assert!(!may_be_legacy(&target(), &speaks(std::slice::from_ref(&newer))));
    assert!(may_be_legacy(&target(), &speaks(&[newer, ProtocolVersion::V_2025_06_18])));
}

#[test]
fn a_forced_era_that_is_not_spoken_is_named_with_the_other() {
    assert_eq!(
        not_in_this_era(&target(), Era::Legacy, rpc(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION)).to_string(),
        "http://h:1/mcp does not speak the legacy era (error -32022: no\\x07); `--era modern` or no --era may do"
    );
    assert_eq!(
        not_in_this_era(&target(), Era::Modern, speaks(&[ProtocolVersion::V_2025_06_18])).to_string(),
        "http://h:1/mcp does not speak the modern era (it speaks 2025-06-18); `--era legacy` or no --era may do"
    );
}

#[test]
fn what_is_not_about_the_era_is_said_as_it_is() {
    let start_failed = not_in_this_era(&target(), Era::Modern, rpc(ErrorCode(-32006)));
    assert!(matches!(start_failed, ClientError::Rpc { code: -32006, .. }), "{start_failed}");
}
