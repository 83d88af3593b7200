//! The elements of all answers, by the SIM that they are about, and what each SIM's say together.

use super::asked::{Asked, Meant};
use crate::definition::many::STEP;
use crate::definition::plan::ManyPlan;
use crate::engine::answer::Answer;
use crate::engine::answer_check::AnswerCheck;
use crate::engine::connection::Connection;
use crate::engine::error::ReadError;
use crate::engine::reading::{self, Span};
use crate::jq::{self, Globals, text_of};
use jaq_json::{Map, Val};
use simgauge_domain::identity::canonical_iccid;
use simgauge_domain::reading::Reading;
use std::collections::BTreeMap;

/// One answer.
#[derive(Clone, Copy)]
pub(super) struct PageFacts {
    pub(super) span: Span,
    /// HTTP status.
    pub(super) status: u16,
}

struct Element {
    page: usize,
    value: Val,
}

pub(super) struct Elements<'a> {
    connection: &'a Connection,
    plan: &'a ManyPlan,
    asked: &'a Asked,
    pages: Vec<PageFacts>,
    /// Of each SIM, by the number as it stands in the answer, in canonical spelling.
    of_sims: Vec<BTreeMap<String, Vec<Element>>>,
    /// The other SIMs that an element about this one could mean.
    ambiguous: Vec<Vec<usize>>,
    /// How many SIMs have an element with exactly their number.
    found_exactly: usize,
    /// Elements about SIMs that nobody asked about.
    pub(super) ignored: usize,
    /// Elements of the current call that do not say whom they are about.
    pub(super) nameless: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn new(connection: &'a Connection, plan: &'a ManyPlan, asked: &'a Asked) -> Self {
        Self {
            connection,
            plan,
            asked,
            pages: Vec::new(),
            of_sims: (0..asked.len()).map(|_| BTreeMap::new()).collect(),
            ambiguous: vec![Vec::new(); asked.len()],
            found_exactly: 0,
            ignored: 0,
            nameless: 0,
        }
    }

    /// Adds an answer's elements. Returns them.
    pub(super) fn add(
        &mut self,
        body: &Val,
        globals: &Globals,
        facts: PageFacts,
    ) -> Result<Vec<Val>, ReadError> {
        let elements = self.plan.each.outputs(body, globals).map_err(|_| {
            let detail = "The operator's answer has no readable list of SIMs.";
            ReadError::bad_answer(detail).with_status(facts.status)
        })?;
        let page = self.pages.len();
        self.pages.push(facts);
        for value in &elements {
            let key = self.plan.key.one(value, globals).ok().flatten();
            let number = key.map(|key| canonical_iccid(&text_of(&key)).into_owned()).unwrap_or_default();
            if number.is_empty() {
                self.nameless += 1;
                continue;
            }
            match self.asked.meant_by(&number) {
                Meant::Nobody => self.ignored += 1,
                Meant::Sim(sim) => self.keep(sim, number, Element { page, value: value.clone() }),
                Meant::Ambiguous(sims) => {
                    for sim in &sims {
                        self.ambiguous[*sim] = sims.iter().copied().filter(|other| other != sim).collect();
                    }
                }
            }
        }
        Ok(elements)
    }

    fn keep(&mut self, sim: usize, number: String, element: Element) {
        let is_exact = number == self.asked.number(sim);
        let of_number = self.of_sims[sim].entry(number).or_default();
        if is_exact && of_number.is_empty() {
            self.found_exactly += 1;
        }
        of_number.push(element);
    }

    /// Whether nothing that is still to come could say more. The rest of a list can have a SIM's own number
    /// where one of its other spellings was found, and more elements of a SIM that has several.
    pub(super) fn is_complete(&self) -> bool {
        self.found_exactly == self.asked.len() && self.plan.several_by.is_none()
    }

    /// What the elements of a SIM say, and when that was. `None` where there are none.
    pub(super) fn outcome(&self, sim: usize) -> Option<(Span, Result<Reading, ReadError>)> {
        let numbers = &self.of_sims[sim];
        // Its own number counts before one with or without a check digit, which may be another SIM's.
        let own = numbers.get(self.asked.number(sim));
        let elements = own.or_else(|| numbers.values().next());
        let last = elements.and_then(|elements| elements.last()).map_or(0, |element| element.page);
        let PageFacts { span, status } = *self.pages.get(last)?;
        if let Some(other) = self.ambiguous[sim].first() {
            let (one, other) = (self.asked.spelled(sim), self.asked.spelled(*other));
            let detail = format!("The operator's answer could mean {one} or {other}; neither is believed.");
            return Some((span, Err(ReadError::bad_answer(detail))));
        }
        let elements = elements?;
        let outcome = if own.is_none() && numbers.len() > 1 {
            Err(self.contradiction(sim, "more than one SIM that this number could mean"))
        } else if self.plan.several_by.is_some() {
            self.together(sim, elements)
        } else {
            self.newest(sim, elements)
        };
        Some((span, outcome.map_err(|error| error.with_status(status))))
    }

    fn contradiction(&self, sim: usize, what: &str) -> ReadError {
        let number = self.asked.spelled(sim);
        ReadError::bad_answer(format!("The operator's answer has {what} ({number})."))
    }

    /// The reading of one element. Where a SIM has more of them, they have to agree, or say which is newer.
    fn newest(&self, sim: usize, elements: &[Element]) -> Result<Reading, ReadError> {
        let mut kept: Option<(usize, Reading)> = None;
        for element in elements {
            let reading = self.reading(sim, &element.value, element.page)?;
            kept = Some(match kept.take() {
                None => (element.page, reading),
                Some(before) => newer(before, (element.page, reading))
                    .ok_or_else(|| self.contradiction(sim, "two different numbers for one SIM"))?,
            });
        }
        kept.map(|(_, reading)| reading).ok_or_else(|| self.contradiction(sim, "no element for this SIM"))
    }

    /// The reading of a SIM's elements as one list. One that is there twice counts once.
    fn together(&self, sim: usize, elements: &[Element]) -> Result<Reading, ReadError> {
        let Some(several_by) = &self.plan.several_by else { return self.newest(sim, elements) };
        let last = elements.last().map_or(0, |element| element.page);
        let globals = self.globals(sim, last);
        let mut list: Vec<(String, &Val)> = Vec::new();
        for element in elements {
            let name = several_by.one(&element.value, &globals).ok().flatten().map(|name| text_of(&name));
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                return Err(self.contradiction(sim, "an element that cannot be told from others"));
            };
            match list.iter().find(|(known, _)| *known == name) {
                None => list.push((name, &element.value)),
                Some((_, known)) if **known == element.value => {}
                Some(_) => return Err(self.contradiction(sim, "two different numbers for one SIM")),
            }
        }
        let list: Val = list.into_iter().map(|(_, value)| value.clone()).collect();
        self.reading(sim, &list, last)
    }

    fn globals(&self, sim: usize, page: usize) -> Globals {
        let began = self.pages[page].span.began;
        Globals {
            iccid: jq::string(self.asked.spelled(sim)),
            eid: Val::Null,
            now: Val::from(usize::try_from(began.seconds()).unwrap_or(0)),
            answers: Val::obj(Map::default()),
            operator_id: Val::Null,
        }
    }

    fn reading(&self, sim: usize, value: &Val, page: usize) -> Result<Reading, ReadError> {
        let PageFacts { span, status } = self.pages[page];
        let definition = &self.connection.definition;
        let globals = self.globals(sim, page);
        let shaped = match &self.plan.shaped {
            None => value.clone(),
            Some(shaped) => {
                let body = shaped.one(value, &globals).ok().flatten().ok_or_else(|| {
                    ReadError::bad_answer("An element of the operator's answer cannot be read.")
                })?;
                let answer = Answer::part(status, body.clone());
                let errors = &definition.errors;
                AnswerCheck {
                    errors,
                    globals: &globals,
                    step: STEP,
                    success: None,
                    logins: 0,
                    needs_body: true,
                    now: span.ended,
                }
                .check(&answer)?;
                body
            }
        };
        let plan = self.plan.answer.as_ref().unwrap_or(&definition.answer);
        reading::usage(plan, &shaped, &globals, self.connection.settings(), span)
    }
}

/// The newer of two readings of a SIM, each with its page. `None` where they contradict each other.
///
/// A later page was answered later. What was used since then can only be more.
fn newer(before: (usize, Reading), after: (usize, Reading)) -> Option<(usize, Reading)> {
    if before.1 == after.1 {
        return Some(after);
    }
    match (before.1.as_of, after.1.as_of) {
        (Some(one), Some(other)) if one > other => return Some(before),
        (Some(one), Some(other)) if one < other => return Some(after),
        _ => {}
    }
    let grew = before.0 < after.0 && before.1.period == after.1.period && before.1.used <= after.1.used;
    grew.then_some(after)
}
