//! Networks of machines.

use std::net::IpAddr;

/// The addresses that begin with the same bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    bits: u128,
    mask: u128,
    wide: bool,
}

impl Network {
    /// `10.0.0.0/8`, `fd00::/8`; an address alone is a network of one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let wide = address.is_ipv6();
        let all: u32 = if wide { 128 } else { 32 };
        let length = length.unwrap_or(all);
        let rest = all.checked_sub(length)?;
        let mask = u128::MAX.checked_shl(rest).unwrap_or(0);
        Some(Self { bits: number(address) & mask, mask, wide })
    }

    pub(super) fn holds(&self, address: IpAddr) -> bool {
        address.is_ipv6() == self.wide && number(address) & self.mask == self.bits
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_their_networks() {
        for (network, address, holds) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::1", true),
            ("::/0", "2001:db8::1", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            assert_eq!(Network::parse(network).unwrap().holds(address.parse().unwrap()), holds, "{network} {address}");
        }
        for wrong in ["", "10.0.0.0/33", "10/8", "x/8", "::/129", "10.0.0.0/-1"] {
            assert!(Network::parse(wrong).is_none(), "{wrong}");
        }
    }
}
