//! The cipher of China Telecom's old interface, which clients call `strEnc`.
//!
//! Blocks of four characters, sixteen bits each, go through DES with one key after the other. It is the DES
//! of the standard but for the order of the key's bits. Source: the routine "Guapo 2006" as many clients
//! carry it, Lu0Key/sdu-lib@7ffc0f6 among them.

use des::Des;
use des::cipher::{Array, BlockCipherEncrypt, KeyInit};

const CHARACTERS: usize = 4;

/// Encrypts a text. Every block becomes sixteen upper-case hexadecimal digits.
pub(crate) fn encrypt(text: &str, keys: [&str; 3]) -> String {
    let ciphers: Vec<Des> = keys
        .iter()
        .flat_map(|key| blocks(key))
        .map(|key| Des::new(&Array::from(standard_key(u64::from_be_bytes(key)).to_be_bytes())))
        .collect();
    let encrypted = blocks(text).into_iter().map(|block| {
        let mut block = Array::from(block);
        for cipher in &ciphers {
            cipher.encrypt_block(&mut block);
        }
        hex::encode_upper(block)
    });
    encrypted.collect()
}

/// Four characters a block, with zeros behind the last.
fn blocks(text: &str) -> Vec<[u8; 8]> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let block = |units: &[u16]| {
        let mut block = [0; 8];
        for (place, unit) in block.chunks_exact_mut(2).zip(units) {
            place.copy_from_slice(&unit.to_be_bytes());
        }
        block
    };
    units.chunks(CHARACTERS).map(block).collect()
}

/// The key with which the DES of the standard does the same.
///
/// Both read 56 bits from an 8 by 8 table whose last column does not count, the columns from bottom to top.
/// The standard takes columns 0, 1, 2 and the lower half of 3 for one half of the key, then 6, 5, 4 and the
/// upper half of 3 for the other. The routine takes the columns in their order.
fn standard_key(key: u64) -> u64 {
    const ROWS: u32 = 8;
    let bit = |row: u32, column: u32| 63 - (row * 8 + column);
    let up = |column: u32| (0..ROWS).rev().map(move |row| bit(row, column));
    let read: Vec<u32> = (0..7).flat_map(up).collect();
    let lower = (4..ROWS).rev().map(|row| bit(row, 3));
    let upper = (0..4).rev().map(|row| bit(row, 3));
    let written = (0..3).flat_map(up).chain(lower).chain([6, 5, 4].into_iter().flat_map(up)).chain(upper);
    read.into_iter().zip(written).fold(0, |made, (from, to)| made | ((key >> from & 1) << to))
}

#[cfg(test)]
mod tests {
    use super::encrypt;

    /// Made with the routine itself in JavaScript.
    #[test]
    fn the_cipher_gives_what_the_routine_gives() {
        for (text, expected) in [
            ("test", "848CA141B7AA521B"),
            ("a", "BE62089F083EDF67"),
            ("abcde", "6FD852BAC68D66F5AF1F6D3F54FB546D"),
            ("secret12", "873F9E563A7DC23B84EB73343221D683"),
            ("Passw0rd", "9C0AC7002C819B7731C588BB3A16F6AE"),
            (
                "8986110000000000001,queryTraffic,secret12,testuser",
                "4FF0F543429BF6C4AF3A3E3A777816624D9D8420454B510F4D9D8420454B510F9461E84D1D7DF67992A5A241528E7C1B629459831FAFF9A7DFD02F40CF3D0B0804000A14D7AC0A825295584C721327C9BAB8D77CB087E95A18619A17D2E2EADD51E58C0BBB76E456",
            ),
        ] {
            assert_eq!(encrypt(text, ["abc", "123", "ABC"]), expected, "{text}");
        }
    }
}
