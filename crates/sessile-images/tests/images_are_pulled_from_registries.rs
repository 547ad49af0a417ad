//! Registries: what an honest one has is pulled once, by digest; what a hostile one says is bounded and refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../../sessile-erofs/tests/mounted/mod.rs"]
mod mounted;
mod workbench;

use std::time::{Duration, Instant};

use serde_json::json;
use sessile_images::{Access, Image, ImageError, ImageRef, Store};
use workbench::registry::{Answer, Body, Registry, Request};
use workbench::{Bench, Layout, Packed, archive};

const TEXT: &str = "served";

/// A layout with one image, and the digests of its manifest and of its layer.
fn layout(bench: &Bench) -> (Layout, String, String) {
    let mut layout = Layout::new(&bench.state.path().join("layout"));
    layout.layer(&archive(&[("srv/text", TEXT)]), Packed::Gzip);
    let layer = layout.layers()[0]["digest"].as_str().unwrap().to_owned();
    let manifest = layout.image(Some("v1"), json!({ "Entrypoint": ["/bin/app"] }));
    (layout, manifest, layer)
}

fn reference(registry: &Registry, rest: &str) -> ImageRef {
    ImageRef::parse(&format!("{}/team/app{rest}", registry.address)).unwrap()
}

/// Quick to lose patience, and without the credentials of whoever runs the test.
fn store(bench: &Bench) -> Store {
    let access = Access::of_process().with_config(None);
    let access =
        access.with_patience(Duration::from_millis(400), Duration::from_secs(20), 3, Duration::from_millis(10));
    bench.store().with_access(access)
}

async fn pull(bench: &Bench, image: &ImageRef) -> Result<Image, ImageError> {
    store(bench).build(image, bench.said.progress()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_pulled_once_by_its_digest() {
    let bench = Bench::new();
    let (layout, manifest, layer) = layout(&bench);
    let registry = Registry::start(&layout.path, |_, _| None);
    let tag = reference(&registry, ":v1");
    assert!(matches!(pull(&bench, &tag).await, Err(ImageError::Unpinned { .. })));
    assert_eq!(registry.requests().len(), 0, "a tag is not even asked for");
    let pinned = store(&bench).pin(&tag, bench.said.progress()).await.unwrap();
    assert_eq!(pinned, reference(&registry, &format!(":v1@{manifest}")));
    let image = pull(&bench, &pinned).await.unwrap();
    assert_eq!(image.config().command(), ["/bin/app"]);
    let out = bench.state.path().join("out");
    mounted::extract(image.path(), &out);
    assert_eq!(std::fs::read_to_string(out.join("srv/text")).unwrap(), TEXT);
    let before = registry.requests().len();
    assert_eq!((before, registry.asked(&layer)), (4, 1));
    let again = pull(&bench, &reference(&registry, &format!("@{manifest}"))).await.unwrap();
    assert_eq!((again.key(), registry.requests().len()), (image.key(), before), "no registry is needed any more");
    let local = bench.build(&layout.reference("")).await.unwrap();
    assert_eq!(local.key(), image.key(), "the same digest is the same image");
    bench.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_answers_are_bounded_and_refused() {
    type Act = fn(&Request, &[u8]) -> Option<Answer>;
    /// Of which request, what to answer, and what is said of it.
    const CASES: [(&str, &str, Act, &str); 12] = [
        ("another layer", "LAYER", |_, real| Some(Answer::ok(real.iter().map(|b| b ^ 1).collect())), "has the digest"),
        ("a longer layer", "LAYER", |_, real| Some(Answer::ok([real, b"x"].concat())), "and should have"),
        ("a shorter layer", "LAYER", |_, real| Some(Answer::ok(real[1..].to_vec())), "and should have"),
        (
            "a layer without end",
            "LAYER",
            |_, _| Some(Answer { body: Body::Endless, ..Answer::status(200) }),
            "has more bytes",
        ),
        (
            "a layer that is cut off",
            "LAYER",
            |_, real| Some(Answer { body: Body::Cut(real[..9].to_vec(), real.len()), ..Answer::status(200) }),
            "cannot be reached",
        ),
        ("another manifest", "MANIFEST", |_, _| Some(Answer::ok(b"{\"layers\":[]}".to_vec())), "has the digest"),
        (
            "a manifest without end",
            "MANIFEST",
            |_, _| Some(Answer { body: Body::Endless, ..Answer::status(200) }),
            "longer than",
        ),
        (
            "silence",
            "MANIFEST",
            |_, _| Some(Answer { body: Body::Silent, ..Answer::status(200) }),
            "sent nothing for 0.4 s",
        ),
        (
            "going round",
            "LAYER",
            |request, _| Some(Answer::status(307).with("location", &request.path)),
            "redirects too often",
        ),
        (
            "leading elsewhere",
            "LAYER",
            |_, _| Some(Answer::status(302).with("location", "http://192.0.2.1/x?sig=s3cret")),
            "not https",
        ),
        (
            "leading to a file",
            "LAYER",
            |_, _| Some(Answer::status(302).with("location", "file:///etc/passwd")),
            "not https",
        ),
        ("being broken", "MANIFEST", |_, _| Some(Answer::status(503)), "status 503"),
    ];
    for (what, of, act, word) in CASES {
        let bench = Bench::new();
        let (layout, manifest, layer) = layout(&bench);
        let target = if of == "LAYER" { layer.clone() } else { manifest.clone() };
        let real = std::fs::read(layout.blob_path(&target)).unwrap();
        let registry = Registry::start(&layout.path, move |request, _| {
            request.path.contains(&target).then(|| act(request, &real)).flatten()
        });
        let began = Instant::now();
        let error = pull(&bench, &reference(&registry, &format!("@{manifest}"))).await.expect_err(what).to_string();
        assert!(error.contains(word), "{what}: {error}");
        assert!(!error.contains("s3cret"), "{what}: {error}");
        assert!(began.elapsed() < Duration::from_secs(20), "{what} took {:?}", began.elapsed());
        assert_eq!(bench.stored(), Vec::<String>::new(), "{what}");
        bench.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_a_moment_is_asked_for_again() {
    let bench = Bench::new();
    let (layout, manifest, layer) = layout(&bench);
    let target = layer.clone();
    let real = std::fs::read(layout.blob_path(&layer)).unwrap();
    let registry = Registry::start(&layout.path, move |request, before| match before {
        0 if request.path.contains("manifests") => Some(Answer::status(429).with("retry-after", "0")),
        0 if request.path.contains(&target) => Some(Answer::status(500)),
        1 if request.path.contains(&target) => {
            Some(Answer { body: Body::Cut(real[..20].to_vec(), real.len()), ..Answer::status(200) })
        }
        _ => None,
    });
    pull(&bench, &reference(&registry, &format!("@{manifest}"))).await.unwrap();
    assert_eq!((registry.asked(&layer), registry.asked("manifests")), (3, 2));
    assert_eq!(bench.said.count("trying again in"), 3, "{}", bench.said.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_without_the_credentials() {
    let bench = Bench::new();
    let (layout, manifest, layer) = layout(&bench);
    let store_of_blobs = Registry::start(&layout.path, |_, _| None);
    let to = format!("http://{}/v2/team/app/blobs/{layer}", store_of_blobs.address);
    let target = layer.clone();
    let registry = Registry::start(&layout.path, move |request, _| match request.headers.get("authorization") {
        None => Some(Answer::status(401).with("www-authenticate", "Basic realm=\"x\"")),
        // "ada:s3cret"
        Some(proof) if proof != "Basic YWRhOnMzY3JldA==" => Some(Answer::status(403)),
        Some(_) if request.path.contains(&target) => Some(Answer::status(307).with("location", &to)),
        Some(_) => None,
    });
    let image = reference(&registry, &format!("@{manifest}"));
    let error = pull(&bench, &image).await.unwrap_err().to_string();
    assert!(error.contains("docker login") && !error.contains("with the credentials"), "{error}");
    with_credentials(&bench, &registry, "YWRhOnMzY3JldA==").build(&image, bench.said.progress()).await.unwrap();
    let there = store_of_blobs.requests();
    assert_eq!(there.len(), 1);
    assert!(there.iter().all(|request| !request.headers.contains_key("authorization")), "{there:?}");
    assert!(!bench.said.all().contains("s3cret"));
}

/// A store that knows a password for a registry.
fn with_credentials(bench: &Bench, registry: &Registry, auth: &str) -> Store {
    let config = bench.state.path().join("config.json");
    let text = json!({ "auths": { registry.address.to_string(): { "auth": auth } } });
    std::fs::write(&config, text.to_string()).unwrap();
    let access = Access::of_process().with_config(Some(config));
    store(bench).with_access(access.with_patience(
        Duration::from_secs(5),
        Duration::from_secs(20),
        3,
        Duration::from_millis(10),
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_got_as_the_registry_asks() {
    let bench = Bench::new();
    let (layout, manifest, _) = layout(&bench);
    let tokens = Registry::start(&layout.path, |request, _| {
        let is_known = request.headers.get("authorization").is_some_and(|proof| proof == "Basic YWRhOnMzY3JldA==");
        let is_right = request.path.contains("service=the+registry")
            && request.path.contains("scope=repository%3Ateam%2Fapp%3Apull");
        match (is_known, is_right) {
            (true, true) => Some(Answer::ok(b"{\"token\":\"t0ken\"}".to_vec())),
            _ => Some(Answer::status(401)),
        }
    });
    let challenge = format!(
        "Bearer realm=\"http://{}/token\",service=\"the registry\",scope=\"repository:team/app:pull\"",
        tokens.address
    );
    let registry = Registry::start(&layout.path, move |request, _| match request.headers.get("authorization") {
        Some(proof) if proof == "Bearer t0ken" => None,
        _ => Some(Answer::status(401).with("www-authenticate", &challenge)),
    });
    let image = reference(&registry, &format!("@{manifest}"));
    let wrong = with_credentials(&bench, &registry, "YWRhOndyb25n").build(&image, bench.said.progress()).await;
    let error = wrong.unwrap_err().to_string();
    assert!(error.contains("with the credentials that are configured"), "{error}");
    let before = registry.requests().len();
    with_credentials(&bench, &registry, "YWRhOnMzY3JldA==").build(&image, bench.said.progress()).await.unwrap();
    assert_eq!(registry.requests().len() - before, 4, "one challenge, and the token serves for the rest");
    assert!(!bench.said.all().contains("t0ken") && !bench.said.all().contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn challenges_that_lead_astray_are_refused() {
    for (challenge, word) in [
        ("Bearer realm=\"http://192.0.2.1/token\"", "not https"),
        ("Bearer realm=\"nowhere\"", "not understood"),
        ("Negotiate", "not understood"),
    ] {
        let bench = Bench::new();
        let (layout, manifest, _) = layout(&bench);
        let registry =
            Registry::start(&layout.path, move |_, _| Some(Answer::status(401).with("www-authenticate", challenge)));
        let error = pull(&bench, &reference(&registry, &format!("@{manifest}"))).await.unwrap_err().to_string();
        assert!(error.contains(word), "{challenge}: {error}");
    }
    let bench = Bench::new();
    let (layout, _, _) = layout(&bench);
    let registry = Registry::start(&layout.path, |_, _| None);
    let absent = reference(&registry, &format!("@sha256:{}", "0".repeat(64)));
    let error = pull(&bench, &absent).await.unwrap_err().to_string();
    assert!(error.contains("has no such image"), "{error}");
    drop(registry);
    let error = pull(&bench, &absent).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("cannot be reached"), "{error}");
}
