//! A trace shows no secret, in whatever form it is sent or comes back.

use crate::support::{ICCID, SIMPLE, Stub, account, clock, ok, parse};
use secrecy::SecretString;
use simgauge_operators::check::check_live;
use simgauge_operators::{Operator, OperatorAccount};

/// China Telecom's password is encrypted, but always the same.
#[tokio::test]
async fn what_is_made_of_a_secret_is_masked() {
    let toml = SIMPLE
        .replace(
            "[auth]\nheaders = { X-Key = \"{{ secret.key }}\" }",
            "[values]\nword = \"{{ secret.key | ctc_des('abc123ABC') }}\"\n\
             [auth]\nquery = { passWord = \"{{ secret.key | ctc_des('abc123ABC') }}\" }\n\
             [auth.sign]\nparameters = \"query\"\nadd = { again = \"{{ value.word }}\" }\n\
             string = \"{{ (secret.key ~ 'x') | hex }}\"\nalgorithm = \"none\"\noutput = \"text\"\n\
             place = \"parameter\"\nname = \"sign\"",
        )
        .replace("{ path =", "{ query = { kind = \"month\" }, path =");
    let definition = parse(&toml);
    // The vectors of `ctc_des`: test and a<b&c. The answer repeats what it was asked, in XML's spelling too.
    let stub = Stub::new(|asked| {
        ok(&format!(
            r#"{{"iccid":"{ICCID}","used":5,"asked":"{}","xml":"<p>a&lt;b&amp;c</p>"}}"#,
            asked.query
        ))
    })
    .await;
    for (secret, encrypted, signed) in
        [("test", "848CA141B7AA521B", "7465737478"), ("a<b&c", "", "613c62266378")]
    {
        let secrets = [("key".to_owned(), SecretString::from(secret))].into();
        let given = OperatorAccount { secrets, ..account(&definition, &stub.url) };
        let operator = Operator::new(definition.clone(), given, clock()).unwrap();
        let report = check_live(&operator, ICCID, None).await;
        assert_eq!(report.outcome.as_ref().unwrap().used, 5);
        let text = format!("{report:?}");
        assert!(encrypted.is_empty() || !text.contains(encrypted), "{text}");
        assert!(!text.contains(signed), "{text}");
        assert!(secret != "a<b&c" || !text.contains("a&lt;b&amp;c"), "{text}");
        assert!(text.contains("kind=month&passWord=***&again=***&sign=***"), "{text}");
        assert!(stub.asked().iter().any(|asked| asked.query.contains(signed)), "it was sent");
    }
}
