# An MCP server of the legacy era in shell: it counts its calls, and asks its client when it is told to.
calls=0
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
  say() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$1" "$2"; }
  text() { say "$1" "{\"content\":[{\"type\":\"text\",\"text\":\"$2\"}]}"; }
  case "$line" in
    *'"method":"initialize"'*)
      say "$id" '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"shell","version":"1"}}' ;;
    *'"method":"tools/list"'*)
      say "$id" '{"tools":[{"name":"count","inputSchema":{"type":"object"}},{"name":"ask","inputSchema":{"type":"object"}}]}' ;;
    *'"name":"ask"'*)
      asked=$id
      printf '{"jsonrpc":"2.0","id":"e1","method":"elicitation/create","params":{"message":"who?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}}\n' ;;
    *'"id":"e1"'*)
      text "$asked" "$(printf '%s' "$line" | sed -n 's/.*"name":"\([^"]*\)".*/hello \1/p')" ;;
    *'"name":"slow"'*)
      sleep 1; text "$id" slow ;;
    *'"name":"later"'*)
      text "$id" soon
      printf '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"half of' ;;
    *'"name":"end"'*) exit 3 ;;
    *'"name":"count"'*)
      calls=$((calls + 1)); text "$id" "$calls" ;;
    *'"method":"ping"'*) say "$id" '{}' ;;
  esac
done
