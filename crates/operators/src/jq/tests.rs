use super::prelude::{PRELUDE, needed};
use super::{Program, Purpose};

/// Every definition of the prelude compiles with only what is found to be needed for it.
#[test]
fn nothing_needed_is_left_out() {
    for definition in &PRELUDE.definitions {
        let arguments = vec!["."; definition.args.len()].join("; ");
        let call = if arguments.is_empty() {
            definition.name.to_owned()
        } else {
            format!("{}({arguments})", definition.name)
        };
        match Program::compile(&call, Purpose::Other) {
            Ok(_) => {}
            Err(error) => assert!(error.message.contains("not available"), "{call}: {}", error.message),
        }
    }
}

#[test]
fn little_is_needed_for_little() {
    let count = |code: &str| {
        let tokens = jaq_core::load::Lexer::new(code).lex().unwrap_or_default();
        needed(&tokens).len()
    };
    assert_eq!(count(".a.b[0]"), 0);
    assert!(count("all(.[]; .a == 1)") < 15);
}
