//! The system: what programs and their libraries need of a host, read-only.

use std::fs;
use std::path::{Path, PathBuf};

use super::gathering::Gathering;
use super::guard::{self, SYSTEM};
use crate::FileView;

/// What libraries read in `/etc`: trusted certificates, the resolver, the linker, time zone, locale, names of types and
/// ports. No `ssl/private`, no `shadow`, nobody's settings.
const ETC: [&str; 27] = [
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
    "ca-certificates",
    "ca-certificates.conf",
    "pki/tls/certs",
    "pki/tls/cert.pem",
    "pki/tls/openssl.cnf",
    "pki/ca-trust/extracted",
    "crypto-policies",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "nsswitch.conf",
    "host.conf",
    "gai.conf",
    "resolv.conf",
    "hosts",
    "localtime",
    "timezone",
    "locale.conf",
    "locale.alias",
    "default/locale",
    "mime.types",
    "protocols",
    "services",
    "alternatives",
];
/// Directories of interpreters in `/etc`, by the start of their names: `java-17-openjdk`, `python3.11`.
const ETC_STARTS: [&str; 4] = ["java", "python3", "perl", "fonts"];
/// A file up to this many bytes is copied: that costs a session less than a mount.
const SMALL: u64 = 4096;

const PASSWD: &str = "server:x:1000:1000:server:/home/server:/bin/sh\n";
const GROUP: &str = "server:x:1000:\n";

/// Shows the system that lies at `root`, which is `/` outside tests.
pub(super) fn bring(gathering: &mut Gathering<'_>, root: &Path) {
    for place in SYSTEM.map(Path::new) {
        if let Some(view) = system_directory(root, place) {
            gathering.imply(view);
        }
    }
    for name in ETC {
        gathering.entries_of_etc(root, Path::new(name));
    }
    let names = fs::read_dir(root.join("etc")).into_iter().flatten().flatten().map(|entry| entry.file_name());
    for name in
        names.filter(|name| ETC_STARTS.iter().any(|start| name.as_encoded_bytes().starts_with(start.as_bytes())))
    {
        gathering.entries_of_etc(root, Path::new(&name));
    }
    gathering.imply(FileView::Text { target: "/etc/passwd".into(), content: PASSWD.into() });
    gathering.imply(FileView::Text { target: "/etc/group".into(), content: GROUP.into() });
    gathering.say("read-only: the system (/usr, /bin, /lib, /opt, and of /etc what libraries read)".into());
}

/// `/bin -> usr/bin` stays a link, so that paths read the same inside; a directory is shown.
fn system_directory(root: &Path, place: &Path) -> Option<FileView> {
    let on_host = under(root, place);
    let real = on_host.canonicalize().ok()?;
    if let Ok(to) = fs::read_link(&on_host)
        && lies_in_system(root, &real)
    {
        return Some(FileView::Symlink { target: place.into(), to });
    }
    Some(FileView::ReadOnly { source: real, target: place.into() })
}

impl Gathering<'_> {
    fn entries_of_etc(&mut self, root: &Path, name: &Path) {
        let target = Path::new("/etc").join(name);
        let on_host = under(root, &target);
        let Ok(real) = on_host.canonicalize() else {
            return;
        };
        // Programs read the name of the time zone from where `/etc/localtime` leads.
        if let Ok(to) = fs::read_link(&on_host)
            && lies_in_system(root, &real)
        {
            return self.imply(FileView::Symlink { target, to });
        }
        self.imply(match small_text(&real) {
            Some(content) => FileView::Text { target, content },
            None => FileView::ReadOnly { source: real, target },
        });
    }
}

fn small_text(file: &Path) -> Option<String> {
    let about = fs::metadata(file).ok()?;
    (about.is_file() && about.len() <= SMALL).then(|| fs::read_to_string(file).ok())?
}

fn lies_in_system(root: &Path, real: &Path) -> bool {
    real.strip_prefix(root).is_ok_and(|inside| guard::is_system(&Path::new("/").join(inside)))
}

fn under(root: &Path, place: &Path) -> PathBuf {
    root.join(place.strip_prefix("/").unwrap_or(place))
}

#[cfg(test)]
mod tests;
