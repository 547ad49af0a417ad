//! OCI image layouts: what is in them is in the image, once, and only if every digest is right.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../../sessile-erofs/tests/mounted/mod.rs"]
mod mounted;
mod workbench;

use mounted::extract;
use serde_json::json;
use sessile_images::ImageRef;
use workbench::{Bench, Layout, Packed, archive, digest};

const BASE: [(&str, &str); 5] =
    [("usr/bin/", ""), ("usr/bin/tool", "one"), ("bin -> usr/bin", ""), ("etc/old", "x"), ("srv/a", "a")];

fn layout(bench: &Bench) -> Layout {
    let mut layout = Layout::new(&bench.state.path().join("layout"));
    layout
        .layer(&archive(&BASE), Packed::Gzip)
        .layer(&archive(&[("bin/tool", "two"), ("etc/.wh.old", ""), ("etc/new", "n")]), Packed::Zstd)
        .layer(&archive(&[("srv/.wh..wh..opq", ""), ("srv/b", "b")]), Packed::Plain);
    layout
}

#[tokio::test]
async fn layers_of_every_compression_are_merged_and_the_configuration_is_kept() {
    let bench = Bench::new();
    let mut layout = layout(&bench);
    let config = json!({
        "Env": ["PATH=/usr/bin", "EMPTY=", "BARE"], "Entrypoint": ["/usr/bin/tool"], "Cmd": ["--serve"],
        "WorkingDir": "/srv", "User": "1000:1000",
    });
    let pinned = layout.image(Some("v1"), config);
    let image = bench.build(&layout.reference(":v1")).await.unwrap();
    let out = bench.state.path().join("out");
    extract(image.path(), &out);
    let read = |path: &str| std::fs::read_to_string(out.join(path)).unwrap();
    assert_eq!((read("usr/bin/tool"), read("etc/new"), read("srv/b")), ("two".into(), "n".into(), "b".into()));
    assert!(!out.join("etc/old").exists() && !out.join("srv/a").exists());
    let config = image.config();
    let env = [("PATH", "/usr/bin"), ("EMPTY", ""), ("BARE", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(config.env, env);
    assert_eq!(config.command(), ["/usr/bin/tool", "--serve"]);
    assert_eq!((config.workdir.as_deref(), config.user.as_deref()), (Some("/srv"), Some("1000:1000")));
    assert_eq!(image.digest().to_string(), pinned);
    assert_eq!(bench.said.count("built, "), 1, "{}", bench.said.all());

    let again = bench.build(&layout.reference("")).await.unwrap();
    assert_eq!((again.key(), again.content_digest()), (image.key(), image.content_digest()));
    assert_eq!(bench.said.count("built, "), 1, "once");
    std::fs::remove_dir_all(&layout.path).unwrap();
    let pinned = bench.build(&layout.reference(&format!("@{pinned}"))).await.unwrap();
    assert_eq!(pinned.key(), image.key(), "the digest says it all: the layout is not looked at");
    bench.assert_clean();
}

#[tokio::test]
async fn the_same_layers_give_the_same_bytes_in_every_store() {
    let mut digests = Vec::new();
    for _ in 0..2 {
        let bench = Bench::new();
        let mut layout = layout(&bench);
        layout.image(None, json!({}));
        digests.push(bench.build(&layout.reference("")).await.unwrap().content_digest());
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn the_image_for_this_host_is_chosen_from_an_index() {
    let bench = Bench::new();
    let mut layout = Layout::new(&bench.state.path().join("layout"));
    let mut manifests = Vec::new();
    for architecture in ["riscv64", workbench::architecture(), "s390x"] {
        layout.layer(&archive(&[("arch", architecture)]), Packed::Plain);
        let mut manifest = layout.manifest(architecture, json!({}));
        manifest["platform"] = json!({ "os": "linux", "architecture": architecture });
        manifests.push(manifest);
    }
    let index = |manifests: &[serde_json::Value]| json!({ "schemaVersion": 2, "manifests": manifests }).to_string();
    let kind = "application/vnd.oci.image.index.v1+json";
    let all = layout.blob(kind, index(&manifests).as_bytes());
    layout.list(all, Some("all"));
    let others = layout.blob(kind, index(&[manifests[0].clone(), manifests[2].clone()]).as_bytes());
    layout.list(others, Some("others"));
    let image = bench.build(&layout.reference(":all")).await.unwrap();
    let out = bench.state.path().join("out");
    extract(image.path(), &out);
    assert_eq!(std::fs::read_to_string(out.join("arch")).unwrap(), workbench::architecture());
    let error = bench.refused(&layout.reference(":others")).await;
    assert!(error.contains("linux/riscv64, linux/s390x"), "{error}");
    let error = bench.refused(&layout.reference(":none")).await;
    assert!(error.contains("it has all, others"), "{error}");
    let error = bench.refused(&layout.reference("")).await;
    assert!(error.contains("oci:/PATH:TAG"), "{error}");
}

#[tokio::test]
async fn what_does_not_match_its_digest_is_refused() {
    type Lie = fn(&mut Layout);
    let cases: [(&str, Lie, &str); 6] = [
        (
            "a layer of another content",
            |layout| {
                let path = layout.path_of_layer(0);
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[40] ^= 1;
                std::fs::write(path, bytes).unwrap();
            },
            "has the digest",
        ),
        (
            "a layer that is longer",
            |layout| {
                let path = layout.path_of_layer(1);
                let mut bytes = std::fs::read(&path).unwrap();
                bytes.push(0);
                std::fs::write(path, bytes).unwrap();
            },
            "has more bytes",
        ),
        (
            "a layer that is shorter than announced",
            |layout| {
                let size = layout.layers()[2]["size"].as_u64().unwrap();
                layout.layers()[2]["size"] = json!(size + 1);
            },
            "has fewer bytes",
        ),
        ("an archive that is another", |layout| layout.diff_ids()[1] = digest(b"other"), "the archive in layer"),
        (
            "a layer too many",
            |layout| {
                layout.diff_ids().pop();
            },
            "its manifest has 3 layers",
        ),
        (
            "a layer of another kind",
            |layout| layout.layers()[0]["mediaType"] = json!("application/x-raw"),
            "cannot be unpacked",
        ),
    ];
    for (what, lie, word) in cases {
        let bench = Bench::new();
        let mut layout = layout(&bench);
        lie(&mut layout);
        layout.image(None, json!({}));
        let error = bench.refused(&layout.reference("")).await;
        assert!(error.contains(word), "{what}: {error}");
        assert_eq!(bench.stored(), Vec::<String>::new(), "{what}");
    }
}

#[tokio::test]
async fn documents_that_are_not_what_they_say_are_refused() {
    let bench = Bench::new();
    let mut layout = layout(&bench);
    let manifest = layout.image(Some("v1"), json!({}));
    let path = layout.blob_path(&manifest);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("schemaVersion", "schemaversion")).unwrap();
    let error = bench.refused(&layout.reference("")).await;
    assert!(error.contains("damaged or was tampered with"), "{error}");
    for (text, word) in [
        (r#"{"layers":[],"config":{},"manifests":[]}"#, "claims to be an index as well"),
        (r#"{"fsLayers":[]}"#, "first Docker format"),
        (r#"{"config":{"digest":"sha512:00","size":1},"layers":[]}"#, "sha256:"),
        (r#"{"config":{"digest":"sha256:../../etc/passwd","size":1},"layers":[]}"#, "sha256:"),
        ("[]", "neither layers nor manifests"),
        ("nonsense", "no JSON"),
    ] {
        let blob = layout.blob("application/vnd.oci.image.manifest.v1+json", text.as_bytes());
        let error = bench.refused(&layout.reference(&format!("@{}", blob["digest"].as_str().unwrap()))).await;
        assert!(error.contains(word), "{text}: {error}");
    }
    let foreign = layout.manifest("pdp11", json!({}));
    let error = bench.refused(&layout.reference(&format!("@{}", foreign["digest"].as_str().unwrap()))).await;
    assert!(error.contains("linux/pdp11"), "{error}");
    let absent = ImageRef::parse(&format!("oci:{}", bench.state.path().join("none").display())).unwrap();
    assert!(bench.refused(&absent).await.contains("index.json"));
}
