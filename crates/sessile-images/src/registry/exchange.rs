//! One request to a registry: its redirects, its challenges, and how often it is tried.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::time::timeout;
use url::Host;

use super::access::{Access, Credentials};
use super::auth::Challenge;
use super::error::RegistryError;
use crate::ImageError;
use crate::progress::Watch;

/// What is wanted for a manifest.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*;q=0.1";
/// Registries redirect to where they store blobs, and that perhaps to a mirror.
const MOST_REDIRECTS: usize = 5;
/// A token's answer, in bytes.
const LONGEST_TOKEN: usize = 1 << 20;
/// However long a registry says to wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why one try came to nothing.
#[derive(Debug)]
pub(super) enum Stumble {
    /// It may work the next time, perhaps after as long as the registry says.
    Again(RegistryError, Option<Duration>),
    /// It will not.
    Final(RegistryError),
    /// It came, and is not what it should be.
    Image(ImageError),
}

/// The way to one repository.
#[derive(Debug)]
pub(super) struct Exchange {
    client: Client,
    host: String,
    name: String,
    base: Url,
    is_local: bool,
    access: Access,
    credentials: Option<Credentials>,
    /// What was accepted last.
    proof: Mutex<Option<HeaderValue>>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Exchange {
    pub(super) fn new(host: &str, name: &str, access: &Access) -> Result<Self, RegistryError> {
        let unreachable = |reason: String| RegistryError::Unreachable { host: host.to_owned(), reason };
        let secure =
            Url::parse(&format!("https://{host}/v2/{name}/")).map_err(|error| unreachable(error.to_string()))?;
        let is_local = is_local(&secure);
        let base = match is_local {
            true => Url::parse(&format!("http://{host}/v2/{name}/")).map_err(|error| unreachable(error.to_string()))?,
            false => secure,
        };
        // Another provider that was installed first serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("sessile/", env!("CARGO_PKG_VERSION")));
        let client = if is_local { client.no_proxy() } else { client };
        let client = client.build().map_err(|error| unreachable(reason(&error)))?;
        let credentials = access.credentials(host)?;
        let (host, name, access) = (host.to_owned(), name.to_owned(), access.clone());
        Ok(Self { client, host, name, base, is_local, access, credentials, proof: Mutex::default() })
    }

    /// Tries until it works, or will not.
    pub(super) async fn with_patience<T>(
        &self,
        watch: &Watch,
        act: impl AsyncFn() -> Result<T, Stumble>,
    ) -> Result<T, ImageError> {
        let of = |source| ImageError::Registry { image: watch.image.to_string(), source };
        let mut pause = self.access.pause;
        let mut left = self.access.tries;
        loop {
            let limit = self.access.whole;
            let done = timeout(limit, act()).await;
            left = left.saturating_sub(1);
            let (error, wait) = match done {
                Ok(Ok(got)) => return Ok(got),
                Ok(Err(Stumble::Image(error))) => return Err(error),
                Ok(Err(Stumble::Final(error))) => return Err(of(error)),
                Ok(Err(Stumble::Again(error, wait))) => (error, wait),
                Err(_) => return Err(of(RegistryError::Timeout { limit: limit.as_secs() })),
            };
            if left == 0 {
                return Err(of(error));
            }
            let wait = wait.unwrap_or(pause).min(LONGEST_PAUSE);
            watch.note(&format!("{error}; trying again in {:.1} s", wait.as_secs_f64()));
            tokio::time::sleep(wait).await;
            pause = pause.saturating_mul(2);
        }
    }

    /// Asks for a path of the repository.
    pub(super) async fn get(&self, path: &str) -> Result<Response, Stumble> {
        let url =
            self.base.join(path).map_err(|_| Stumble::Final(RegistryError::NotFound { host: self.host.clone() }))?;
        let mut response = self.follow(url.clone()).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.prove(&response).await?;
            response = self.follow(url).await?;
        }
        let host = response.url().host_str().unwrap_or_default().to_owned();
        let status = response.status();
        match status.as_u16() {
            200 => Ok(response),
            401 | 403 => Err(Stumble::Final(self.unauthorised())),
            404 => Err(Stumble::Final(RegistryError::NotFound { host: self.host.clone() })),
            429 | 500.. => {
                Err(Stumble::Again(RegistryError::Status { host, status: status.as_u16() }, wait_of(&response)))
            }
            _ => Err(Stumble::Final(RegistryError::Status { host, status: status.as_u16() })),
        }
    }

    /// The next part of a body.
    pub(super) async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, Stumble> {
        let host = response.url().host_str().unwrap_or_default().to_owned();
        let chunk = timeout(self.access.idle, response.chunk()).await;
        chunk.map_err(|_| self.silent(&host))?.map_err(|error| again(&host, &error))
    }

    /// Follows redirects. The proof goes to the registry itself and nowhere else.
    async fn follow(&self, mut url: Url) -> Result<Response, Stumble> {
        let first = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let proof = self.proof.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let proof = proof.filter(|_| is_same_origin(&url, &first));
            let response = self.send(url.clone(), proof).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).and_then(|to| url.join(to).ok());
            let status = response.status().as_u16();
            url = to.ok_or_else(|| Stumble::Final(RegistryError::Status { host: self.host.clone(), status }))?;
            self.allow(&url)?;
        }
        Err(Stumble::Final(RegistryError::Redirects { host: self.host.clone() }))
    }

    async fn send(&self, url: Url, proof: Option<HeaderValue>) -> Result<Response, Stumble> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = self.client.get(url).header(ACCEPT, MANIFESTS);
        if let Some(proof) = proof {
            request = request.header(AUTHORIZATION, proof);
        }
        let response = timeout(self.access.idle, request.send()).await;
        response.map_err(|_| self.silent(&host))?.map_err(|error| again(&host, &error))
    }

    /// Gets what the registry asks for.
    async fn prove(&self, response: &Response) -> Result<(), Stumble> {
        let fail = || Stumble::Final(RegistryError::Challenge { host: self.host.clone() });
        let challenge = Challenge::of(response.headers()).ok_or_else(fail)?;
        let proof = match challenge {
            Challenge::Basic => {
                let known = self.credentials.as_ref().ok_or_else(|| Stumble::Final(self.unauthorised()))?;
                // Made by the client's own hands, so that user and password are encoded as it does for tokens.
                let request = self.client.get(self.base.clone()).basic_auth(&known.user, Some(&known.password)).build();
                request.map_err(|_| fail())?.headers().get(AUTHORIZATION).cloned()
            }
            Challenge::Bearer { realm, service, scope } => {
                let token = self.token(&realm, service, scope).await?;
                HeaderValue::try_from(format!("Bearer {token}")).ok()
            }
        };
        let mut proof = proof.ok_or_else(fail)?;
        proof.set_sensitive(true);
        *self.proof.lock().unwrap_or_else(PoisonError::into_inner) = Some(proof);
        Ok(())
    }

    async fn token(&self, realm: &str, service: Option<String>, scope: Option<String>) -> Result<String, Stumble> {
        let fail = || Stumble::Final(RegistryError::Challenge { host: self.host.clone() });
        let mut url = Url::parse(realm).map_err(|_| fail())?;
        self.allow(&url)?;
        let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.name));
        let service = service.into_iter().map(|service| ("service", service));
        url.query_pairs_mut().extend_pairs(service.chain([("scope", scope)]));
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = self.client.get(url);
        if let Some(known) = &self.credentials {
            request = request.basic_auth(&known.user, Some(&known.password));
        }
        let sent = timeout(self.access.idle, request.send()).await;
        let mut response = sent.map_err(|_| self.silent(&host))?.map_err(|error| again(&host, &error))?;
        match response.status().as_u16() {
            200 => {}
            400 | 401 | 403 | 404 => return Err(Stumble::Final(self.unauthorised())),
            status @ (429 | 500..) => {
                return Err(Stumble::Again(RegistryError::Status { host, status }, wait_of(&response)));
            }
            status => return Err(Stumble::Final(RegistryError::Status { host, status })),
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST_TOKEN {
                return Err(fail());
            }
        }
        let token: Token = serde_json::from_slice(&bytes).map_err(|_| fail())?;
        token.token.or(token.access_token).filter(|token| !token.is_empty()).ok_or_else(fail)
    }

    /// Over TLS; over plain HTTP only from this machine to itself.
    fn allow(&self, url: &Url) -> Result<(), Stumble> {
        let is_fine = url.scheme() == "https" || (url.scheme() == "http" && self.is_local && is_local(url));
        if is_fine { Ok(()) } else { Err(Stumble::Final(RegistryError::Insecure { host: self.host.clone() })) }
    }

    fn unauthorised(&self) -> RegistryError {
        RegistryError::Unauthorised { host: self.host.clone(), with_credentials: self.credentials.is_some() }
    }

    fn silent(&self, host: &str) -> Stumble {
        let reason = format!("it sent nothing for {} s", self.access.idle.as_secs_f64());
        Stumble::Again(RegistryError::Unreachable { host: host.to_owned(), reason }, None)
    }
}

fn again(host: &str, error: &reqwest::Error) -> Stumble {
    Stumble::Again(RegistryError::Unreachable { host: host.to_owned(), reason: reason(error) }, None)
}

/// The innermost cause: the outer ones repeat the address, which may hold a signature.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => "it did not answer in time".to_owned(),
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3).
fn wait_of(response: &Response) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Whether an address is of this machine.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}
