#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| simgauge_fuzz::definitions::check(bytes));
