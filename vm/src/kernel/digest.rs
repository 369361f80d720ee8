//! MD5 and the SHA-2 family, for md5() and sha224() to sha512().
//!
//! Written out here because four functions do not justify a dependency; for checksums of data, not
//! for secrets.
//! Invariant: the results are those of RFC 1321 and FIPS 180-4 (tested against their examples).

/// The MD5 digest.
pub(super) fn md5(message: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] =
        [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let sines: [u32; 64] =
        std::array::from_fn(|i| (((i + 1) as f64).sin().abs() * 4_294_967_296.0) as u32);
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let length = (message.len() as u64).wrapping_mul(8).to_le_bytes();
    for_each_block::<64>(message, &length, |block| {
        let words: [u32; 16] = std::array::from_fn(|i| {
            u32::from_le_bytes([block[4 * i], block[4 * i + 1], block[4 * i + 2], block[4 * i + 3]])
        });
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64 {
            let (mix, word) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), (7 * i) % 16),
            };
            let sum = a.wrapping_add(mix).wrapping_add(sines[i]).wrapping_add(words[word]);
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
        }
        for (slot, add) in state.iter_mut().zip([a, b, c, d]) {
            *slot = slot.wrapping_add(add);
        }
    });
    let mut digest = [0; 16];
    for (bytes, word) in digest.chunks_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    digest
}

/// Calls `f` with each block of the message padded as all these digests pad it: a 1 bit, zeros, the
/// length.
fn for_each_block<const N: usize>(message: &[u8], length: &[u8], mut f: impl FnMut(&[u8])) {
    let whole = message.len() / N * N;
    message[..whole].chunks(N).for_each(&mut f);
    let rest = &message[whole..];
    let mut tail = [0; 256];
    tail[..rest.len()].copy_from_slice(rest);
    tail[rest.len()] = 0x80;
    let end = if rest.len() + 1 + length.len() <= N { N } else { 2 * N };
    tail[end - length.len()..end].copy_from_slice(length);
    tail[..end].chunks(N).for_each(f);
}

/// The first `bits` bits after the point of the square (or cube) root of the n-th prime: the
/// constants of SHA-2 are defined so, and computing them exactly is shorter than listing them.
fn root_fraction(prime: u64, cube: bool) -> u64 {
    // floor(root(prime) * 2^64), found bit by bit; the products need at most 201 bits, compared as
    // limbs.
    let mut root: u128 = 0;
    for bit in (0..=69).rev() {
        let candidate = root | 1 << bit;
        if power_at_most(candidate, prime, cube) {
            root = candidate;
        }
    }
    root as u64
}

/// Whether `(x / 2^64)^2` (or `^3`) is at most `n`.
fn power_at_most(x: u128, n: u64, cube: bool) -> bool {
    let limbs = |v: u128| [v as u64, (v >> 64) as u64];
    let mut power = vec![0_u64; 8];
    power[..2].copy_from_slice(&limbs(x));
    for _ in 0..if cube { 2 } else { 1 } {
        let mut product = vec![0_u64; 8];
        for (i, a) in power.iter().enumerate().take(5) {
            let mut carry = 0_u128;
            for (j, b) in limbs(x).iter().chain(&[0]).enumerate() {
                let sum = u128::from(*a) * u128::from(*b) + u128::from(product[i + j]) + carry;
                product[i + j] = sum as u64;
                carry = sum >> 64;
            }
        }
        power = product;
    }
    let point = if cube { 3 } else { 2 };
    let whole = power[point..].iter().rev().fold(0_u128, |all, limb| all << 64 | u128::from(*limb));
    let fraction = power[..point].iter().any(|limb| *limb != 0);
    whole < u128::from(n) || (whole == u128::from(n) && !fraction)
}

fn primes() -> [u64; 80] {
    let mut found = [0; 80];
    let (mut n, mut candidate) = (0, 2);
    while n < found.len() {
        if found[..n].iter().all(|p| candidate % p != 0) {
            found[n] = candidate;
            n += 1;
        }
        candidate += 1;
    }
    found
}

/// Round constants and initial values of all four variants, computed once.
struct Constants {
    rounds: [u64; 80],
    sha256: [u32; 8],
    sha224: [u32; 8],
    sha512: [u64; 8],
    sha384: [u64; 8],
}

fn constants() -> &'static Constants {
    static CONSTANTS: std::sync::OnceLock<Constants> = std::sync::OnceLock::new();
    CONSTANTS.get_or_init(|| {
        let primes = primes();
        let root = |i: usize| root_fraction(primes[i], false);
        Constants {
            rounds: std::array::from_fn(|i| root_fraction(primes[i], true)),
            sha256: std::array::from_fn(|i| (root(i) >> 32) as u32),
            sha224: std::array::from_fn(|i| root(i + 8) as u32),
            sha512: std::array::from_fn(root),
            sha384: std::array::from_fn(|i| root(i + 8)),
        }
    })
}

macro_rules! sha2 {
    ($fn:ident, $word:ty, $block:literal, $rounds:literal,
     $big0:expr, $big1:expr, $small0:expr, $small1:expr,
     $constant:expr, $length:expr) => {
        fn $fn(message: &[u8], mut state: [$word; 8]) -> [$word; 8] {
            const BYTES: usize = size_of::<$word>();
            let rounds = &constants().rounds;
            let length = $length(message.len());
            for_each_block::<$block>(message, &length, |block| {
                let mut w = [0; $rounds];
                for (slot, bytes) in w.iter_mut().zip(block.chunks(BYTES)) {
                    *slot = bytes.iter().fold(0, |all: $word, b| all << 8 | <$word>::from(*b));
                }
                for i in 16..$rounds {
                    w[i] = w[i - 16]
                        .wrapping_add($small0(w[i - 15]))
                        .wrapping_add(w[i - 7])
                        .wrapping_add($small1(w[i - 2]));
                }
                let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
                for i in 0..$rounds {
                    let t1 = h
                        .wrapping_add($big1(e))
                        .wrapping_add((e & f) ^ (!e & g))
                        .wrapping_add($constant(rounds[i]))
                        .wrapping_add(w[i]);
                    let t2 = $big0(a).wrapping_add((a & b) ^ (a & c) ^ (b & c));
                    (h, g, f) = (g, f, e);
                    e = d.wrapping_add(t1);
                    (d, c, b) = (c, b, a);
                    a = t1.wrapping_add(t2);
                }
                for (slot, add) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
                    *slot = slot.wrapping_add(add);
                }
            });
            state
        }
    };
}

sha2!(
    compress32,
    u32,
    64,
    64,
    |x: u32| x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22),
    |x: u32| x.rotate_right(6) ^ x.rotate_right(11) ^ x.rotate_right(25),
    |x: u32| x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3),
    |x: u32| x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10),
    |k: u64| (k >> 32) as u32,
    |n: usize| (n as u64).wrapping_mul(8).swap_bytes().to_le_bytes()
);
sha2!(
    compress64,
    u64,
    128,
    80,
    |x: u64| x.rotate_right(28) ^ x.rotate_right(34) ^ x.rotate_right(39),
    |x: u64| x.rotate_right(14) ^ x.rotate_right(18) ^ x.rotate_right(41),
    |x: u64| x.rotate_right(1) ^ x.rotate_right(8) ^ (x >> 7),
    |x: u64| x.rotate_right(19) ^ x.rotate_right(61) ^ (x >> 6),
    |k: u64| k,
    |n: usize| (n as u128).wrapping_mul(8).swap_bytes().to_le_bytes()
);

fn big_endian<const N: usize>(words: impl Iterator<Item = u64>, bytes: usize) -> [u8; N] {
    let mut digest = [0; N];
    for (slot, word) in digest.chunks_mut(bytes).zip(words) {
        let all = word.swap_bytes().to_le_bytes();
        slot.copy_from_slice(&all[8 - bytes..]);
    }
    digest
}

/// The SHA-224 digest.
pub(super) fn sha224(message: &[u8]) -> [u8; 28] {
    let state = compress32(message, constants().sha224);
    big_endian(state.iter().map(|w| u64::from(*w)), 4)
}

/// The SHA-256 digest.
pub(super) fn sha256(message: &[u8]) -> [u8; 32] {
    let state = compress32(message, constants().sha256);
    big_endian(state.iter().map(|w| u64::from(*w)), 4)
}

/// The SHA-384 digest.
pub(super) fn sha384(message: &[u8]) -> [u8; 48] {
    big_endian(compress64(message, constants().sha384).into_iter(), 8)
}

/// The SHA-512 digest.
pub(super) fn sha512(message: &[u8]) -> [u8; 64] {
    big_endian(compress64(message, constants().sha512).into_iter(), 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn md5_of_the_examples_of_rfc_1321() {
        assert_eq!(hex(&md5(b"")), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex(&md5(b"abc")), "900150983cd24fb0d6963f7d28e17f72");
        let long =
            b"12345678901234567890123456789012345678901234567890123456789012345678901234567890";
        assert_eq!(hex(&md5(long)), "57edf4a22be3c955ac49da2e2107b67a");
    }

    #[test]
    fn sha2_of_abc() {
        assert_eq!(
            hex(&sha224(b"abc")),
            "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"
        );
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(
            hex(&sha384(b"abc")).starts_with("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163")
        );
        assert!(
            hex(&sha512(b"abc")).starts_with("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea2")
        );
        // Lengths around the end of a block, where padding takes another one.
        assert_eq!(
            hex(&sha256(&[b'a'; 56])),
            "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"
        );
        assert_eq!(
            hex(&sha256(b"")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
