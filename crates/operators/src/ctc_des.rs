//! The cipher of China Telecom's `m2m_ec` API: DES with three keys, one after the other, over UTF-16 text.

use des::Des;
use des::cipher::{BlockCipherEncrypt as _, KeyInit as _};

/// Characters of an interface key. Each of the three keys has a third of them.
pub(crate) const KEY_LENGTH: usize = 9;

const BLOCK: usize = 8;

/// `text` encrypted, in capital hex. `None` where `key` has not [`KEY_LENGTH`] characters.
pub(crate) fn encrypt(key: &str, text: &str) -> Option<String> {
    let key: Vec<u16> = key.encode_utf16().collect();
    if key.len() != KEY_LENGTH {
        return None;
    }
    let ciphers: Vec<Des> =
        key.chunks(KEY_LENGTH / 3).map(|key| Des::new(&standard_key(block(key)).into())).collect();
    let text: Vec<u16> = text.encode_utf16().collect();
    let encrypted = text.chunks(BLOCK / 2).map(|piece| {
        let mut block = block(piece).into();
        for cipher in &ciphers {
            cipher.encrypt_block(&mut block);
        }
        hex::encode_upper(block)
    });
    Some(encrypted.collect())
}

/// Up to four UTF-16 characters, the high byte first. What is missing is zero.
fn block(text: &[u16]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (bytes, character) in block.chunks_exact_mut(2).zip(text) {
        bytes.copy_from_slice(&character.to_be_bytes());
    }
    block
}

/// The key with which standard DES does the same. This cipher takes the second half of the key's 56 bits in
/// another order. The bits form a table: a byte is a row, its highest bit is in column 0. Column 7 is unused.
fn standard_key(key: [u8; BLOCK]) -> [u8; BLOCK] {
    let column = |column: usize| (0..BLOCK).rev().map(move |row| (row, column));
    let from = (0..7).flat_map(column);
    let to = (0..3)
        .flat_map(column)
        .chain(column(3).take(4))
        .chain((4..7).rev().flat_map(column))
        .chain(column(3).skip(4));
    let mut standard = [0; BLOCK];
    for ((from_row, from_column), (to_row, to_column)) in from.zip(to) {
        standard[to_row] |= (key[from_row] >> (7 - from_column) & 1) << (7 - to_column);
    }
    standard
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with the JavaScript that the operator's clients use (Lu0Key/sdu-lib@7ffc0f6 des.js), and checked
    /// with OpenSSL's DES.
    #[test]
    fn texts_encrypt_as_by_the_clients() {
        for (text, expected) in [
            ("", ""),
            ("test", "848CA141B7AA521B"),
            ("a", "BE62089F083EDF67"),
            ("abcde", "6FD852BAC68D66F5AF1F6D3F54FB546D"),
            ("secret12", "873F9E563A7DC23B84EB73343221D683"),
            ("Passw0rd", "9C0AC7002C819B7731C588BB3A16F6AE"),
            (
                "8986110000000000001,queryTraffic,secret12,testuser",
                "4FF0F543429BF6C4AF3A3E3A777816624D9D8420454B510F4D9D8420454B510F9461E84D1D7DF679\
                 92A5A241528E7C1B629459831FAFF9A7DFD02F40CF3D0B0804000A14D7AC0A825295584C721327C9\
                 BAB8D77CB087E95A18619A17D2E2EADD51E58C0BBB76E456",
            ),
        ] {
            assert_eq!(encrypt("abc123ABC", text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_key_of_another_length_is_none() {
        for key in ["", "abc123AB", "abc123ABCd"] {
            assert_eq!(encrypt(key, "test"), None, "{key}");
        }
    }
}
