//! What a node has for all its sessions, and what is started ahead of need.

use insta::assert_snapshot;

use super::*;
use crate::Pool;

#[test]
fn the_budgets_of_a_node_are_read() {
    let text =
        "[node]\nmemory = \"8GiB\"\ncpu = 6.5\nqueue = 3\nqueue_timeout = \"250ms\"\n[servers.a]\ncommand = [\"a\"]\n";
    let node = toml(text).expect("right").node;
    assert_eq!((node.memory, node.cpu), (Some(Size::gib(8)), Some(6.5)));
    assert_eq!((node.queue, node.queue_timeout), (3, Duration::from_millis(250)));
    let node = toml("[servers.a]\ncommand = [\"a\"]\n").expect("right").node;
    assert_eq!((node.memory, node.cpu, node.queue, node.queue_timeout), (None, None, 256, Duration::from_secs(5)));
}

#[test]
fn a_pool_is_read_and_inherited() {
    let text = "[defaults.pool]\nwarm = 2\n[servers.a]\ncommand = [\"a\"]\n[servers.b]\ncommand = [\"b\"]\npool = { warm = 0, idle = \"1m\" }\n";
    let pools: Vec<Pool> = toml(text).expect("right").servers.iter().map(|server| server.pool).collect();
    assert_eq!(pools, [Pool { warm: 2, ..Pool::default() }, Pool { warm: 0, idle: Duration::from_secs(60) }]);
}

#[test]
fn a_session_that_could_never_start_is_a_mistake() {
    let text = r#"
[node]
memory = "256MiB"
cpu = 2
[servers.a]
command = ["a"]
limits.memory = "1GiB"
[servers.b]
command = ["b"]
limits = { memory = "256MiB", cpu = 2.5 }
[servers.elsewhere]
url = "https://example.com/mcp"
[servers.c]
command = ["c"]
pool.warm = 5000
"#;
    assert_snapshot!(told(toml(text)), @r##"
    sessile.toml:3:10: node.memory: less than one session of server `c` may have, which is 512MiB: raise this, or lower `servers.c.limits.memory`
     3 | memory = "256MiB"
       |          ^^^^^^^^
    sessile.toml:7:17: servers.a.limits.memory: more than `node.memory`, which is 256MiB: no session could ever start; lower this, or raise that
     7 | limits.memory = "1GiB"
       |                 ^^^^^^
    sessile.toml:10:37: servers.b.limits.cpu: more than `node.cpu`, which is 2: no session could ever start; lower this, or raise that
     10 | limits = { memory = "256MiB", cpu = 2.5 }
        |                                     ^^^
    sessile.toml:15:13: servers.c.pool.warm: out of range; the range is 0 to 1000
     15 | pool.warm = 5000
        |             ^^^^
    "##);
}
