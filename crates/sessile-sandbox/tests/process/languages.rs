//! What servers are written in runs as it would outside: threads, children, sockets, locks, code made at run time.

use crate::support::{driver, run, spec};
use sessile_sandbox::{Exit, FileView};
use std::path::Path;

const NODE: &str = r#"
const fs = require('fs'), net = require('net'), os = require('os'), cp = require('child_process');
const { Worker } = require('worker_threads');
(async () => {
  fs.mkdirSync('/tmp/a'); fs.writeFileSync('/tmp/a/x', 'x'); fs.renameSync('/tmp/a/x', '/tmp/y');
  fs.watch('/tmp').close();
  await fs.promises.readFile('/tmp/y');
  if (cp.execFileSync('/bin/echo', ['child']).toString() !== 'child\n') throw 'child';
  const forked = cp.fork('/tmp/fork.js'); await new Promise(done => forked.on('message', done)); forked.kill();
  await new Promise(done => new Worker('require("worker_threads").parentPort.postMessage(1)', { eval: true }).on('message', done));
  const server = net.createServer(socket => socket.end('x')).listen(0, '127.0.0.1');
  await new Promise(done => server.on('listening', done));
  await new Promise(done => net.connect(server.address().port, '127.0.0.1').on('data', done));
  server.close();
  if (!os.networkInterfaces().lo) throw 'interfaces';
  require('crypto').generateKeyPairSync('ed25519');
  await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  console.log('all', os.cpus().length > 0, process.memoryUsage().rss > 0, new Intl.DateTimeFormat('de').format(0) !== '');
})();
"#;

const PYTHON: &str = r#"
import asyncio, ctypes, mmap, multiprocessing, os, resource, signal, socket, sqlite3, subprocess, tempfile, threading
def child(queue):
    queue.put('child')
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
for way in ('fork', 'spawn'):
    context = multiprocessing.get_context(way)
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    if way == 'fork':
        process.start(); assert queue.get() == 'child'; process.join()
assert subprocess.check_output(['echo', 'x']) == b'x\n'
async def ask():
    process = await asyncio.create_subprocess_exec('echo', 'x', stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0] == b'x\n'
asyncio.run(ask())
thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
with tempfile.TemporaryDirectory() as place:
    base = sqlite3.connect(place + '/x.db'); base.execute('create table t (a)'); base.commit(); base.close()
    os.rename(place + '/x.db', place + '/y.db'); os.link(place + '/y.db', place + '/z.db'); os.symlink('y.db', place + '/s')
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place + '/socket')
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1)()
assert socket.if_nameindex() == [(1, 'lo')]
for family in (socket.AF_INET, socket.AF_INET6):
    socket.socket(family, socket.SOCK_DGRAM).close()
signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()
print('all', len(os.sched_getaffinity(0)) > 0)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn interpreters_do_all_they_do_outside() {
    for (program, flag, text, expected) in [
        ("/usr/bin/node", "-e", NODE, "all true true true\n"),
        ("/usr/bin/python3", "-c", PYTHON, "all True\n"),
        ("/usr/bin/java", "-Xmx64m", "-version", ""),
    ] {
        // `/usr/bin/java` leads through `/etc`, which these sandboxes do not have.
        let Ok(real) = Path::new(program).canonicalize() else { continue };
        let mut spec = spec(&[real.to_str().unwrap(), flag, text]);
        spec.limits.memory = Some(1 << 30);
        let file = |target: &str, content: &str| FileView::Text { target: target.into(), content: content.into() };
        spec.files.push(file("/etc/passwd", "s:x:1000:1000::/tmp:/bin/sh\n"));
        spec.files.push(file("/tmp/fork.js", "process.send(1)"));
        let said = run(&driver(), spec).await;
        assert_eq!((said.stdout.as_str(), said.ended.exit), (expected, Exit::Code(0)), "{program}: {said:?}");
    }
}
