use super::*;
use serde_json::{Value, json};

async fn answer(sampler: Sampler) -> Result<Value, String> {
    let request = CreateMessageRequestParams::new(vec![SamplingMessage::user_text("two and two?")], 16);
    let result = sampler.answer(&request).await.map_err(|error| error.message.to_string())?;
    Ok(serde_json::to_value(result).unwrap())
}

#[tokio::test]
async fn a_fixed_text_is_always_the_answer() {
    let said = answer(Sampler::Fixed("four".into())).await.unwrap();
    assert_eq!(said["role"], "assistant");
    assert_eq!(said["content"], json!({ "type": "text", "text": "four" }));
    assert_eq!(said["stopReason"], "endTurn");
}

#[tokio::test]
async fn a_command_reads_the_request_and_writes_the_text() {
    let command = r#"grep -o '"maxTokens":[0-9]*'"#;
    let said = answer(Sampler::Command(command.into())).await.unwrap();
    assert_eq!(said["content"]["text"], "\"maxTokens\":16");
}

#[tokio::test]
async fn a_command_may_answer_with_a_whole_result() {
    let whole = r#"{"role":"assistant","model":"m","stopReason":"toolUse",
        "content":{"type":"tool_use","id":"1","name":"add","input":{}}}"#;
    let said = answer(Sampler::Command(format!("cat >/dev/null; echo '{whole}'"))).await.unwrap();
    assert_eq!(said["stopReason"], "toolUse");
    assert_eq!(said.pointer("/content/name").or(said.pointer("/content/0/name")), Some(&json!("add")));
}

#[tokio::test]
async fn a_command_that_fails_is_an_error_to_the_server() {
    let error = answer(Sampler::Command("exit 3".into())).await.unwrap_err();
    assert!(error.contains("exit status: 3"), "{error}");
}

#[test]
fn only_a_command_declares_that_it_can_use_tools() {
    assert!(Sampler::Fixed(String::new()).capability().tools.is_none());
    assert!(Sampler::Command(String::new()).capability().tools.is_some());
}
