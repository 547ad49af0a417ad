use super::*;

#[test]
fn a_tool_is_a_row_with_its_arguments_below_each_other() {
    let tools: Vec<Tool> = serde_json::from_value(json!([
        { "name": "add", "description": "adds\n\nlong story", "inputSchema": { "type": "object",
            "properties": { "a": { "type": "number" }, "by": { "enum": ["x", "y"] } }, "required": ["a"] } },
        { "name": "bad\x1b[2J", "inputSchema": { "type": "object" } },
    ]))
    .unwrap();
    assert_eq!(
        listing(&tools, None),
        "TOOL        DESCRIPTION  ARGUMENTS (* required)\n\
         add         adds         a* number\n\
         \x20                        by \"x\" | \"y\"\n\
         bad\\x1b[2J"
    );
}
