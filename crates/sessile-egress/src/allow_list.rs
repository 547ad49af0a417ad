//! The list, and the two questions it answers: may this be asked for, and may this address be dialled for it.

use std::net::IpAddr;

use crate::address::{self, AddressKind, faces};
use crate::host::{Host, Name};
use crate::refusal::Reason;
use crate::rule::{Pattern, Rule, RuleError};
use crate::target::Target;

/// The most entries of a list.
pub const MOST_RULES: usize = 1024;

/// What may be reached. The empty list, which is the default, means nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    rules: Vec<Rule>,
}

impl AllowList {
    /// Reads the entries of a manifest. See [`Rule`] for how one is written.
    ///
    /// # Errors
    /// The first entry that cannot be read, or more than [`MOST_RULES`] of them.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, RuleError> {
        if entries.len() > MOST_RULES {
            return Err(RuleError::too_many(entries.len(), MOST_RULES));
        }
        let rules = entries.iter().map(|entry| entry.as_ref().parse()).collect::<Result<_, _>>()?;
        Ok(Self { rules })
    }

    /// Whether nothing may be reached.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The entries in their one form.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether `target` may be asked for, before any name is resolved: a name that is not listed is never looked up, since
    /// questions to a name server carry data, too.
    pub(crate) fn check_target(&self, target: &Target) -> Result<&Rule, Reason> {
        match &target.host {
            Host::Name(name) => self.check_name(name, target.port),
            Host::Address(address) => self.check_literal(*address, target.port),
        }
    }

    fn check_name(&self, name: &Name, port: u16) -> Result<&Rule, Reason> {
        let matching = |rule: &&Rule| match &rule.pattern {
            Pattern::Name(own) => own == name,
            Pattern::Below(parent) => name.is_below(parent),
            Pattern::Network(_) => false,
            Pattern::Anything => true,
        };
        self.find(matching, port)
    }

    fn check_literal(&self, address: IpAddr, port: u16) -> Result<&Rule, Reason> {
        let mut allowed_by = None;
        for seen in faces(address) {
            let matching = |rule: &&Rule| match &rule.pattern {
                Pattern::Network(network) => network.lists(seen),
                Pattern::Anything => address::kind(seen) == AddressKind::Public,
                Pattern::Name(_) | Pattern::Below(_) => false,
            };
            let rule = self.find(matching, port).map_err(|reason| match address::kind(seen) {
                AddressKind::Public => reason,
                _ if reason == Reason::PortNotListed => reason,
                kind => Reason::AddressRefused(kind),
            })?;
            allowed_by = Some(rule);
        }
        allowed_by.ok_or(Reason::NotListed)
    }

    fn find(&self, matching: impl Fn(&&Rule) -> bool, port: u16) -> Result<&Rule, Reason> {
        let mut known_host = false;
        for rule in self.rules.iter().filter(matching) {
            if rule.is_for_port(port) {
                return Ok(rule);
            }
            known_host = true;
        }
        Err(if known_host { Reason::PortNotListed } else { Reason::NotListed })
    }

    /// Whether `address` may be dialled for a listed name: a public one, or one that is listed itself, for this port.
    /// The error is what the address is.
    pub(crate) fn check_answer(&self, address: IpAddr, port: u16) -> Result<(), AddressKind> {
        let listed = |seen: IpAddr| {
            let lists = |rule: &Rule| matches!(&rule.pattern, Pattern::Network(network) if network.lists(seen));
            self.rules.iter().any(|rule| rule.is_for_port(port) && lists(rule))
        };
        for seen in faces(address) {
            match address::kind(seen) {
                AddressKind::Public => {}
                kind if !listed(seen) => return Err(kind),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
