//! Signs a request by the definition's recipe: which parameters, how joined, which hash, where the signature
//! goes.

use super::error::ReadError;
use super::http::{Body, Outgoing};
use super::render;
use crate::definition::plan::SignPlan;
use crate::definition::raw::{ParameterPlace, SignPlace};
use crate::template::{RFC3986, Templates};
use minijinja::{Value, context};
use percent_encoding::utf8_percent_encode;
use serde_json::Value as Json;

/// Adds the recipe's own parameters and the signature to a request.
pub(super) fn apply(
    plan: &SignPlan,
    templates: &Templates,
    values: &Value,
    outgoing: &mut Outgoing,
) -> Result<(), ReadError> {
    for (name, text) in render::named(templates, &plan.add, values)? {
        add(plan, outgoing, name, &text, true)?;
    }
    let joined = join(plan, parameters(plan, outgoing));
    let signed = match &plan.string {
        None => joined,
        Some(template) => {
            let values = context! { params => joined, body => outgoing.body.bytes(), ..values.clone() };
            render::text(templates, template, &values)?
        }
    };
    let key = match &plan.key {
        None => String::new(),
        Some(key) => render::text(templates, key, values)?,
    };
    let hashed = plan.algorithm.hash(&key, &signed);
    let hashed = hashed.ok_or_else(|| ReadError::bad_request("The signing key cannot be used."))?;
    let signature = plan.output.write(hashed);
    match plan.place {
        SignPlace::Header => outgoing.headers.push((plan.name.clone(), signature)),
        SignPlace::Parameter => add(plan, outgoing, plan.name.clone(), &signature, false)?,
    }
    Ok(())
}

fn add(
    plan: &SignPlan,
    outgoing: &mut Outgoing,
    name: String,
    text: &str,
    is_json: bool,
) -> Result<(), ReadError> {
    match (plan.parameters, &mut outgoing.body) {
        (ParameterPlace::Query, _) => outgoing.query.push((name, text.to_owned())),
        (ParameterPlace::Form, Body::Form(fields)) => fields.push((name, text.to_owned())),
        (ParameterPlace::Form, body @ Body::None) => *body = Body::Form(vec![(name, text.to_owned())]),
        (ParameterPlace::Json, Body::Json(Json::Object(members))) => {
            let value = if is_json {
                serde_json::from_str(text)
                    .map_err(|_| ReadError::bad_request("A signed parameter did not become JSON."))?
            } else {
                Json::String(text.to_owned())
            };
            members.insert(name, value);
        }
        _ => return Err(ReadError::bad_request("The request has no body of the kind its signature covers.")),
    }
    Ok(())
}

fn parameters(plan: &SignPlan, outgoing: &Outgoing) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = match (plan.parameters, &outgoing.body) {
        (ParameterPlace::Query, _) => outgoing.query.clone(),
        (ParameterPlace::Form, Body::Form(fields)) => fields.clone(),
        (ParameterPlace::Json, Body::Json(Json::Object(members))) => {
            members.iter().map(|(name, value)| (name.clone(), text_of(value))).collect()
        }
        _ => Vec::new(),
    };
    all.retain(|(name, value)| *name != plan.name && !(plan.skip_empty && value.is_empty()));
    match &plan.listed {
        None => {
            all.sort();
            all
        }
        Some(listed) => {
            listed.iter().filter_map(|wanted| all.iter().find(|(name, _)| name == wanted).cloned()).collect()
        }
    }
}

/// A JSON value as it enters a signature: texts raw, numbers as written, arrays and objects as compact JSON.
fn text_of(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) if items.is_empty() => String::new(),
        Json::Object(members) if members.is_empty() => String::new(),
        other => other.to_string(),
    }
}

fn join(plan: &SignPlan, parameters: Vec<(String, String)>) -> String {
    let encode = |text: String| {
        if plan.encode { utf8_percent_encode(&text, RFC3986).to_string() } else { text }
    };
    let pairs: Vec<String> =
        parameters.into_iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join(&plan.joiner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Definition;
    use crate::definition::raw::Method;
    use crate::template;
    use simgauge_domain::time::UnixMs;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// The signature a recipe gives a request with these parameters.
    fn signed(recipe: &str, query: &[(&str, &str)], body: Body) -> Outgoing {
        signed_with("testsecret", UnixMs(0), recipe, query, body)
    }

    fn signed_with(key: &str, now: UnixMs, recipe: &str, query: &[(&str, &str)], body: Body) -> Outgoing {
        let toml = format!(
            "name = \"x\"\ntitle = \"X\"\n[secrets.key]\nabout = \"key\"\n\
             [auth.sign]\nname = \"sign\"\n{recipe}\n\
             [[steps]]\nname = \"s\"\nrequest = {{ path = \"/\" }}\n\
             [answer]\nnames_no_card = true\nused = {{ add = \".\", unit = \"B\" }}\n\
             period = {{ kind = \"bundle\" }}\n"
        );
        let definition = Definition::parse("x.toml", &toml).expect("a sound recipe");
        let secrets = BTreeMap::from([("key".to_owned(), key.to_owned())]);
        let account = template::AccountValues {
            settings: BTreeMap::new(),
            secrets: template::map(&secrets),
            sequence: Arc::default(),
        };
        let nothing = BTreeMap::new();
        let values = template::values(&account, "1", None, now, &nothing, &nothing);
        let mut outgoing = Outgoing {
            method: Method::Get,
            url: String::new(),
            query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            headers: Vec::new(),
            body,
        };
        let plan = definition.auth.sign.as_ref().expect("a recipe");
        apply(plan, &definition.templates, &values, &mut outgoing).expect("signed");
        outgoing
    }

    fn parameter(outgoing: &Outgoing, name: &str) -> String {
        let found = outgoing.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// The published vector of Alibaba Cloud's RPC style: RFC 3986 twice, HMAC-SHA1 with `&` after the key.
    #[test]
    fn rpc_style() {
        let outgoing = signed(
            r#"
parameters = "query"
encode = true
string = "GET&%2F&{{ params | rfc3986 }}"
algorithm = "hmac-sha1"
key = "{{ secret.key }}&"
output = "base64"
place = "parameter"
"#,
            &[
                ("Timestamp", "2016-02-23T12:46:24Z"),
                ("Format", "XML"),
                ("AccessKeyId", "testid"),
                ("Action", "DescribeRegions"),
                ("SignatureMethod", "HMAC-SHA1"),
                ("SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"),
                ("Version", "2014-05-26"),
                ("SignatureVersion", "1.0"),
            ],
            Body::None,
        );
        assert_eq!(parameter(&outgoing, "sign"), "OLeaidS1JvxuMvnyHOwuJ+uX5qY=");
    }

    /// The vector of the open API: empty values left out, sorted, SHA-1 in capitals, put into the JSON body.
    #[test]
    fn json_body() {
        let body = concat!(
            r#"{"appkey":"000001","timestamp":1556595508,"nonce":24523,"#,
            r#""userName":"wx","age":24,"sex":1,"no":null,"e":""}"#
        );
        let outgoing = signed(
            r#"
parameters = "json"
skip_empty = true
string = "{{ params }}&secret=a1b1c1d1"
algorithm = "sha1"
output = "hex-upper"
place = "parameter"
"#,
            &[],
            Body::Json(serde_json::from_str(body).expect("JSON")),
        );
        assert!(outgoing.body.bytes().ends_with(r#","sign":"963A56BAEBED746F2746E4D9B3B77BE0F2E171E7"}"#));
    }

    #[test]
    fn listed_parameters_and_the_raw_body_in_a_header() {
        let listed = signed(
            "parameters = \"query\"\nlisted = [\"b\", \"a\"]\njoiner = \"\"\n\
             algorithm = \"md5\"\noutput = \"hex-lower\"\nplace = \"parameter\"",
            &[("a", "1"), ("b", "2"), ("c", "3")],
            Body::None,
        );
        // md5("b=2a=1")
        assert_eq!(parameter(&listed, "sign"), "3f5e55130be741b9809aebfa2477c908");
        let body = signed(
            "parameters = \"json\"\nstring = \"{{ body }}\"\n\
             algorithm = \"hmac-sha256\"\nkey = \"{{ secret.key }}\"\n\
             output = \"hex-lower\"\nplace = \"header\"",
            &[],
            Body::Json(serde_json::json!({"iccid": "1"})),
        );
        // hmac-sha256("testsecret", {"iccid":"1"})
        assert_eq!(
            body.headers,
            [(
                "sign".to_owned(),
                "5ff36c1ca2ef0f65aabf0ae2f383a07690156ba7974772e05dd060b298f0e7c6".to_owned()
            )]
        );
    }

    fn json(text: &str) -> Body {
        Body::Json(serde_json::from_str(text).expect("JSON"))
    }

    fn header(outgoing: &Outgoing) -> &str {
        &outgoing.headers[0].1
    }

    /// China Unicom CMP: SM3 over names and values without separators. The algorithm is that of
    /// dmlvhh/un_sdk@6e1d3b2 sign.go, the value was computed with OpenSSL.
    #[test]
    fn names_and_values_glued_in_sm3() {
        let beijing = "zone='Asia/Shanghai'";
        let recipe = format!(
            "parameters = \"json\"\nadd = {{ app_id = '\"Uc0Ab12CdE\"' }}\n\
             string = \"app_idUc0Ab12CdEtimestamp{{{{ time('%Y-%m-%d %H:%M:%S %3f', {beijing}) }}}}\
             trans_id{{{{ time('%Y%m%d%H%M%S%3f', {beijing}) }}}}000001{{{{ secret.key }}}}\"\n\
             algorithm = \"sm3\"\noutput = \"hex-lower\"\nplace = \"parameter\""
        );
        // 2026-06-30 14:46:40.123 in Beijing.
        let now = UnixMs(1_782_802_000_123);
        let outgoing = signed_with("abcdefghijklmnopqrstuvwxyz0123", now, &recipe, &[], json("{}"));
        assert_eq!(
            outgoing.body.bytes(),
            "{\"app_id\":\"Uc0Ab12CdE\",\
             \"sign\":\"7a340258567a6344880a8d9e19cc066a42f5a46f1c55f50e610fa25e31f33b58\"}"
        );
    }

    /// eSIM Access, after its own Python example: time, request id, access code and body.
    #[test]
    fn time_id_code_and_body_in_hmac_sha256() {
        let recipe = "parameters = \"json\"\n\
             string = \"17660000000004ce9d9cdac9e4e17b3a2c66c358c1ce2{{ '1' * 32 }}{{ body }}\"\n\
             algorithm = \"hmac-sha256\"\nkey = \"{{ secret.key }}\"\n\
             output = \"hex-lower\"\nplace = \"header\"";
        let body = json(r#"{"esimTranNoList":["25031120490003"]}"#);
        let outgoing = signed_with(&"2".repeat(32), UnixMs(0), recipe, &[], body);
        assert_eq!(header(&outgoing), "fcd870970defbe72798266c2343f488a003d33bce768ada66def5f59e14ff209");
    }

    /// China Telecom 5GCMP, the example of the operator's document: the hex of an MD5's hex.
    #[test]
    fn hex_of_hex() {
        let recipe = "parameters = \"query\"\n\
             string = \"{{ (params ~ body ~ secret.key ~ '20201101021435') | hash('md5') }}\"\n\
             algorithm = \"none\"\noutput = \"hex-upper\"\nplace = \"header\"";
        let query = [("c", "3"), ("a", "1"), ("b", "2")];
        let body = json(r#"{"name":"xf","age":"dd"}"#);
        let outgoing = signed_with("d1209cfefe895364e03", UnixMs(0), recipe, &query, body);
        assert_eq!(header(&outgoing), "3863613035653132306631333231313733383637376333326536316631643934");
    }

    /// China Telecom `m2m_ec`: values sorted by code point, where a capital comes first, and encrypted.
    #[test]
    fn sorted_values_encrypted() {
        let recipe = "parameters = \"query\"\n\
             string = \"{{ ['8986110000000000001', 'testuser', secret.key, 'queryTraffic'] \
             | sort(case_sensitive=true) | join(',') | ctc_des('abc123ABC') }}\"\n\
             algorithm = \"none\"\noutput = \"text\"\nplace = \"parameter\"";
        let outgoing = signed_with("Passw0rd", UnixMs(0), recipe, &[("needDtl", "0")], Body::None);
        assert_eq!(
            parameter(&outgoing, "sign"),
            "4FF0F543429BF6C4AF3A3E3A777816624D9D8420454B510F4D9D8420454B510F9461E84D1D7DF6799C0AC7002C819B77\
             31C588BB3A16F6AE8C6A08AB0CB1635EC39F9393E98176DE1AB8176DA968A2D5204A926B77FAF61418619A17D2E2EADD\
             51E58C0BBB76E456"
        );
    }
}
