//! Somebody with a browser: keeps cookies, sends forms with their tokens, follows nothing by itself.

use crate::support::TestServer;
use reqwest::Method;
use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use simgauge_admin::password;
use simgauge_store::AdminRole;
use std::collections::BTreeMap;

/// The password of every admin of the tests.
pub const PASSWORD: &str = "correct horse";

pub struct Browser {
    http: reqwest::Client,
    url: String,
    pub cookies: BTreeMap<String, String>,
    /// Headers of every request.
    pub always: Vec<(&'static str, String)>,
}

pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The token of the page's forms.
    #[track_caller]
    pub fn csrf(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"csrf\" value=\"").expect("the page has a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Makes admins of the store: their names and roles.
pub async fn admins(server: &TestServer, admins: &[(&str, AdminRole)]) {
    let hash = password::hash(&PASSWORD.into()).unwrap();
    for (name, role) in admins {
        server.store().create_admin(name, &hash, *role, server.clock.now()).await.unwrap();
    }
}

impl Browser {
    pub fn new(server: &TestServer) -> Self {
        Self {
            http: reqwest::Client::builder().redirect(Policy::none()).build().unwrap(),
            url: server.url.clone(),
            cookies: BTreeMap::new(),
            always: vec![("accept-language", "en".to_owned())],
        }
    }

    /// One that is logged in.
    pub async fn of(server: &TestServer, name: &str) -> Self {
        let mut browser = Self::new(server);
        assert_eq!(browser.log_in(name, PASSWORD).await.expect(303).location(), "/console");
        browser
    }

    pub async fn log_in(&mut self, name: &str, password: &str) -> Page {
        let csrf = self.get("/console/login").await.csrf();
        self.post("/console/login", &[("csrf", &csrf), ("name", name), ("password", password)]).await
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let request = self.http.get(format!("{}{path}", self.url));
        self.send(request).await
    }

    /// Posts a form as it is.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.ask(Method::POST, path, fields).await
    }

    /// Asks in any way, with a form as it is.
    pub async fn ask(&mut self, method: Method, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish());
        self.send(request).await
    }

    /// Posts a form of the page `from`, with its token.
    pub async fn submit(&mut self, from: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.get(from).await.expect(200).csrf();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }

    /// Uploads a file with the token of the import page.
    pub async fn upload(&mut self, csrf: &str, name: &str, content: &str) -> Page {
        let edge = "edge-of-a-part";
        let body = format!(
            "--{edge}\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n\
             --{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: text/csv\r\n\r\n{content}\r\n--{edge}--\r\n"
        );
        let request = self
            .http
            .post(format!("{}/console/import", self.url))
            .header("content-type", format!("multipart/form-data; boundary={edge}"))
            .body(body);
        self.send(request).await
    }

    /// The answer to a request whose body never ends.
    pub async fn open(&self, path: &str) -> reqwest::Response {
        let request = self.http.get(format!("{}{path}", self.url)).header("cookie", self.cookie_line());
        request.send().await.unwrap()
    }

    fn cookie_line(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Page {
        for (name, value) in &self.always {
            request = request.header(*name, value);
        }
        let response = request.header("cookie", self.cookie_line()).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for line in headers.get_all(SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Page { status, headers, text: response.text().await.unwrap() }
    }
}
