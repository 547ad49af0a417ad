use std::fs;
use std::path::PathBuf;

use sessile_sandbox::FileView;
use sessile_sandbox::view::HostEnv;

use super::npm::{ScriptsWanted, for_scripts_of, npm_of};
use super::pip::pip_of;
use super::{Settings, fail_soon, ini};

/// A host without settings for everybody.
const NO_ETC: &str = "/no/such/etc";

fn npm(host: &HostEnv) -> (Settings, ScriptsWanted) {
    npm_of(host, NO_ETC.as_ref())
}

struct Host {
    home: tempfile::TempDir,
    vars: Vec<(String, String)>,
}

impl Host {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), vars: Vec::new() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.vars.push((name.into(), value.into()));
        self
    }

    fn env(&self) -> HostEnv {
        let home = ("HOME".to_owned(), self.home.path().display().to_string());
        std::iter::once(home).chain(self.vars.iter().cloned()).collect()
    }
}

fn text(settings: &Settings, target: &str) -> Option<String> {
    settings.files.iter().find_map(|file| match file {
        FileView::Text { target: place, content } if place == &PathBuf::from(target) => Some(content.clone()),
        _ => None,
    })
}

#[test]
fn npm_is_given_its_settings_and_what_they_refer_to() {
    let mut host = Host::new();
    let ca = host.file("ca.pem", "");
    let npmrc =
        format!("//r.example/:_authToken=${{NPM_TOKEN}}\n@scope:registry=https://r.example\ncafile={}\n", ca.display());
    host.file(".npmrc", &npmrc);
    host.set("NPM_TOKEN", "secret")
        .set("OTHER_TOKEN", "hidden")
        .set("npm_config_registry", "https://x")
        .set("https_proxy", "http://p");
    host.set("NPM_CONFIG_PREFIX", "/elsewhere").set("NPM_CONFIG_CACHE", "/cache");
    let (settings, scripts) = npm(&host.env());
    assert_eq!(scripts, ScriptsWanted::Yes);
    assert_eq!(text(&settings, "/home/server/.npmrc").as_deref(), Some(npmrc.as_str()));
    assert_eq!(settings.get("NPM_TOKEN"), Some("secret"));
    assert_eq!(settings.get("npm_config_registry"), Some("https://x"));
    assert_eq!(settings.get("https_proxy"), Some("http://p"));
    for name in ["OTHER_TOKEN", "NPM_CONFIG_PREFIX", "NPM_CONFIG_CACHE", "HOME"] {
        assert_eq!(settings.get(name), None, "{name}");
    }
    assert_eq!(settings.read, [ca]);
}

#[test]
fn install_scripts_are_given_no_credentials() {
    let mut host = Host::new();
    host.file(
        ".npmrc",
        "//r.example/:_authToken=secret\n_auth=${NPM_TOKEN}\nnodedir=/usr\nsharp_binary_host=https://m\n",
    );
    host.set("NPM_TOKEN", "secret")
        .set("npm_config__auth", "secret")
        .set("HTTPS_PROXY", "http://p")
        .set("npm_config_python", "/usr/bin/python3");
    let settings = for_scripts_of(&host.env(), NO_ETC.as_ref());
    let names: Vec<_> = settings.env.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["HTTPS_PROXY", "npm_config_nodedir", "npm_config_sharp_binary_host", "npm_config_python"]);
    assert!(settings.files.is_empty());
    assert!(!format!("{:?}", settings.env).contains("secret"));
}

#[test]
fn a_host_that_ignores_scripts_is_heard() {
    let mut host = Host::new();
    host.file(".npmrc", "ignore-scripts = true\n");
    assert_eq!(npm(&host.env()).1, ScriptsWanted::No);
    let mut other = Host::new();
    assert_eq!(npm(&other.set("NPM_CONFIG_IGNORE_SCRIPTS", "true").env()).1, ScriptsWanted::No);
    assert_eq!(
        npm(&host.set("NPM_CONFIG_USERCONFIG", "/no/such/file").env()).1,
        ScriptsWanted::Yes,
        "another file counts"
    );
}

#[test]
fn npm_gives_up_soon_unless_the_host_says_otherwise() {
    let mut host = Host::new();
    let (mut settings, _) = npm(&host.env());
    fail_soon(&mut settings);
    assert_eq!(settings.get("npm_config_fetch_retry_maxtimeout"), Some("5000"));
    let (mut settings, _) = npm(&host.set("NPM_CONFIG_FETCH_RETRY_MAXTIMEOUT", "9").env());
    fail_soon(&mut settings);
    assert_eq!(settings.get("npm_config_fetch_retry_maxtimeout"), None);
}

#[test]
fn pip_is_given_its_settings_and_the_directories_they_name() {
    let mut host = Host::new();
    let wheels = host.file("wheels/x.whl", "").parent().unwrap().to_path_buf();
    let more = host.file("more/x.whl", "").parent().unwrap().to_path_buf();
    let ca = host.file("ca.pem", "");
    let conf = format!(
        "[global]\ncert = {}\n[install]\nfind-links =\n    https://x\n    file://{}\n",
        ca.display(),
        more.display()
    );
    host.file(".config/pip/pip.conf", &conf);
    host.set("PIP_FIND_LINKS", wheels.to_str().unwrap())
        .set("PIP_INDEX_URL", "https://u:p@i")
        .set("PIP_TARGET", "/t")
        .set("PIP_USER", "1");
    host.set("UV_INDEX_URL", "https://uv").set("UV_INDEX", "a=https://one https://two");
    let settings = pip_of(&host.env(), NO_ETC.as_ref());
    assert_eq!(text(&settings, "/home/server/.config/pip/pip.conf"), Some(conf));
    assert_eq!(settings.read, [wheels, ca, more]);
    assert_eq!(settings.get("PIP_INDEX_URL"), Some("https://u:p@i"), "pip's own setting wins over uv's");
    assert_eq!(settings.get("PIP_EXTRA_INDEX_URL"), Some("https://one https://two"));
    assert_eq!(settings.get("PIP_TARGET"), None);
    assert_eq!(settings.get("PIP_USER"), Some("0"));
}

#[test]
fn values_never_show_the_whole_host_or_the_kernel() {
    let mut settings = Settings::default();
    settings.show_paths_in("/ /proc/self /dev/null relative file:/// https://x/usr \"/usr/bin\"");
    assert_eq!(settings.read, [PathBuf::from("/usr/bin")]);
}

#[test]
fn lines_of_both_kinds_of_files_are_understood() {
    let text = "; c\n# c\n[global]\na = 1\nb=\n  2\n\t3\nc: 4\n//host/:_password=p=\n@s:registry=https://x\n";
    let settings = ini::settings(text);
    let find = |key: &str| settings.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    assert_eq!((find("a"), find("b"), find("c")), (Some("1"), Some(" 2 3"), Some("4")));
    assert_eq!(find("//host/:_password"), Some("p="));
    assert_eq!(ini::variables("a=${ONE}\nb=x${TWO?}y ${broken"), ["ONE", "TWO"]);
}

#[test]
fn settings_for_everybody_count_too() {
    let host = Host::new();
    let etc = host.file("etc/npmrc", "ignore-scripts=true\n").parent().unwrap().to_path_buf();
    host.file("etc/pip.conf", "[global]\nindex-url = https://i\n");
    assert_eq!(npm_of(&host.env(), &etc).1, ScriptsWanted::No);
    assert!(text(&npm_of(&host.env(), &etc).0, "/etc/npmrc").is_some());
    assert!(text(&pip_of(&host.env(), &etc), "/etc/pip.conf").is_some());
}
