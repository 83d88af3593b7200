//! What the stories of usage do to a server.

use crate::support::program::{CommandOutput, run};
use crate::support::{SECRET, TestServer, sqlite_store};
use jiff::civil::datetime;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use simgauge_service::clock::Clock;

impl TestServer {
    /// Runs `simgauge` on the server's store and towards the server. An underscore stands for a space within
    /// a word.
    pub async fn simgauge(&self, line: &str) -> CommandOutput {
        let key_file = self.config.secrets.key_file.display().to_string();
        let environment = [
            ("SIMGAUGE__STORE__URL", self.config.store.url.as_str()),
            ("SIMGAUGE__SECRETS__KEY_FILE", &key_file),
            ("SIMGAUGE_URL", &self.url),
            ("SIMGAUGE_APPKEY", "k"),
            ("SIMGAUGE_SECRET", SECRET),
        ];
        run(line.split_whitespace().map(|word| word.replace('_', " ")), &environment).await
    }

    /// Moves the clocks to a time of 2030 in Shanghai.
    pub fn travel_to_2030(&self, month: i8, day: i8, hour: i8, minute: i8) {
        let there = datetime(2030, month, day, hour, minute, 0, 0);
        let there = there.to_zoned(TimeZone::get("Asia/Shanghai").unwrap()).unwrap().timestamp().as_second();
        self.travel_to(there - Clock::default().now().seconds());
    }

    /// Refreshes a card with this usage at its operator, and reads it.
    pub async fn used(&self, operator: &str, iccid: &str, bytes: u64) -> Value {
        self.simulator.set_usage(operator, iccid, bytes);
        let body = self.signed(json!({ "iccid": iccid, "wait": 8 }));
        let answer = self.post("/api/v3/card/refreshUsage", body.to_string()).await;
        assert_eq!(answer.expect("200")["state"], "succeeded", "{answer:?}");
        self.card(iccid).await.expect("200").clone()
    }

    pub async fn history(&self, path: &str, fields: Value) -> Value {
        self.post(path, self.signed(fields).to_string()).await.expect("200").clone()
    }

    /// Changes something behind everybody's back.
    pub async fn run_raw(&self, sql: &'static str) {
        let url = &self.config.store.url;
        if url.starts_with("sqlite") {
            sqlite_store(url).execute(sql, []).unwrap();
        } else {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            sqlx::query(sql).execute(&pool).await.unwrap();
        }
    }
}
