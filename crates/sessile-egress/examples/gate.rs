//! A gate on a port of this machine, to try programs against: `gate 127.0.0.1:3128 api.example.com:443 …`.
#![allow(clippy::print_stdout, reason = "it is how it says what happens")]

use std::sync::Arc;

use sessile_egress::{AllowList, EgressEvent, EgressEvents, Gate, Limits, Policy};
use tokio::net::TcpListener;
use tokio::sync::watch;

struct Printed;

impl EgressEvents for Printed {
    fn on(&self, event: EgressEvent<'_>) {
        println!("{event:?}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let at = words.next().ok_or("say where to listen, then what to allow")?;
    let allow = AllowList::parse(&words.collect::<Vec<_>>())?;
    let (_policy, policy) = watch::channel(Arc::new(Policy { allow, upstream: None }));
    let listener = TcpListener::bind(at).await?;
    println!("listening on {}", listener.local_addr()?);
    match Gate::new(policy, Arc::new(Printed), Limits::default()).serve(listener).await {}
}
