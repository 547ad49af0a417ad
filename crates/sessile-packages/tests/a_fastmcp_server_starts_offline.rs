//! The real index: FastMCP installed once, and a server in the working directory run by it without a network, in the
//! two ways that people write.

mod workbench;

use std::time::Instant;

use workbench::{INITIALIZE, Refusing, Workbench, request};

const SERVER: &str = "\
from fastmcp import FastMCP

mcp = FastMCP('adder')

@mcp.tool
def add(a: int, b: int) -> int:
    return a + b

if __name__ == '__main__':
    mcp.run()
";

#[tokio::test(flavor = "multi_thread")]
async fn as_its_own_program_and_as_a_library() {
    let bench = Workbench::new(&[]);
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("server.py"), SERVER).unwrap();
    let lines = ["uvx --from fastmcp fastmcp run server.py", "uvx --with fastmcp python server.py"];
    let begun = Instant::now();
    bench.ensure(lines[0]).await.unwrap();
    println!("clean installation: {:.1} s", begun.elapsed().as_secs_f64());

    let refusing = Refusing::like(bench.driver.as_ref());
    for line in lines {
        let begun = Instant::now();
        // Both ask for the same packages: the second finds them installed.
        let installed = bench.store().ensure(&request(line), &refusing, &()).await.unwrap();
        let warm = begun.elapsed();
        assert!(
            installed.packages.iter().all(|package| package.hash.starts_with("sha256:")),
            "{:?}",
            installed.packages
        );
        let begun = Instant::now();
        let answer = bench.first_line(&installed, Some(project.path()), INITIALIZE).await;
        println!("{line}: warm {warm:?}, answered after {:?}", begun.elapsed());
        assert!(answer.contains("adder"), "{answer}");
    }
    assert_eq!(std::fs::read_dir(project.path()).unwrap().count(), 1, "nothing was written into the project");
}
