//! What this client answers when the server asks.
#![allow(deprecated, reason = "sampling and roots are deprecated only in the modern era")]

use crate::client::ask::form::Form;
use crate::client::ask::terminal::Terminal;
use crate::client::ask::{Asker, Question};
use crate::client::patience::Patience;
use crate::client::printer::Printer;
use crate::client::sampling::{Sampler, summary};
use rmcp::model::{
    ClientCapabilities, ClientConfig, CreateMessageRequestMethod, CreateMessageRequestParams, CreateMessageResult,
    CustomRequest, CustomResult, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
    ExtensionCapabilities, FormElicitationCapability, Implementation, JsonObject, ListRootsResult, Root,
    RootsCapabilities, TASKS_EXTENSION_ID, UrlElicitationCapability,
};
use rmcp::service::RequestContext;
use rmcp::{ClientHandler, ErrorData, RoleClient};
use serde_json::Value;
use std::sync::Arc;

/// Answers elicitations, sampling and roots, as far as the command line allows.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) asker: Arc<Asker<Terminal>>,
    pub(crate) sampler: Option<Sampler>,
    pub(crate) roots: Vec<Root>,
    /// Whether calls may become tasks (SEP-2663).
    pub(crate) tasks: bool,
    pub(crate) printer: Arc<Printer>,
    pub(crate) patience: Arc<Patience>,
}

impl Handler {
    fn capabilities(&self) -> ClientCapabilities {
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(
            ElicitationCapability::new()
                .with_form(FormElicitationCapability::new().with_schema_validation(true))
                .with_url(UrlElicitationCapability::new()),
        );
        capabilities.sampling = self.sampler.as_ref().map(Sampler::capability);
        capabilities.roots = (!self.roots.is_empty()).then(RootsCapabilities::default);
        capabilities.extensions =
            self.tasks.then(|| ExtensionCapabilities::from([(TASKS_EXTENSION_ID.to_owned(), JsonObject::new())]));
        capabilities
    }

    /// Asks the user, or whatever answers for the user; the clock of `--timeout` stands still.
    pub(crate) async fn answer(&self, question: Question) -> ElicitResult {
        let _open = self.patience.question();
        self.asker.answer(question).await
    }

    /// Answers a sampling request; the error is for the server.
    pub(crate) async fn sample(&self, request: &CreateMessageRequestParams) -> Result<CreateMessageResult, ErrorData> {
        let Some(sampler) = &self.sampler else {
            self.printer
                .note("the server asked for sampling; refused (--sample TEXT or --sample-with COMMAND answers)");
            return Err(ErrorData::method_not_found::<CreateMessageRequestMethod>());
        };
        self.printer.note(&format!("the server asks for sampling: {}", summary(request)));
        let _open = self.patience.question();
        sampler.answer(request).await
    }

    pub(crate) fn list_roots(&self) -> ListRootsResult {
        ListRootsResult::new(self.roots.clone())
    }

    /// As [`Self::answer`], for a server that can take its question back.
    async fn ask(&self, question: Question, context: &RequestContext<RoleClient>) -> ElicitResult {
        tokio::select! {
            answer = self.answer(question) => answer,
            () = context.ct.cancelled() => {
                self.printer.asked();
                if !self.patience.is_over() {
                    self.printer.note("the server took its question back");
                }
                ElicitResult::new(ElicitationAction::Cancel)
            }
        }
    }
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(self.capabilities(), Implementation::new("sessile-call", env!("CARGO_PKG_VERSION")))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let question = match request {
            ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } => {
                let schema = serde_json::to_value(requested_schema).unwrap_or_default();
                Question::Form { message, form: Form::from_schema(&schema) }
            }
            ElicitRequestParams::UrlElicitationParams { message, url, .. } => Question::Url { message, url },
            _ => return Err(ErrorData::invalid_params("this mode of elicitation is not known here", None)),
        };
        Ok(self.ask(question, &context).await)
    }

    /// A form whose schema is not what the SDK expects comes here; it is asked all the same.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleClient>,
    ) -> Result<CustomResult, ErrorData> {
        let params = request.params.as_ref().filter(|_| request.method == "elicitation/create");
        let schema = params.and_then(|params| params.get("requestedSchema"));
        let (Some(params), Some(schema)) = (params, schema) else {
            return Err(ErrorData::new(rmcp::model::ErrorCode::METHOD_NOT_FOUND, request.method, None));
        };
        let message = params.get("message").and_then(Value::as_str).unwrap_or("").to_owned();
        let question = Question::Form { message, form: Form::from_schema(schema) };
        let answer = self.ask(question, &context).await;
        Ok(CustomResult::new(serde_json::to_value(answer).unwrap_or_default()))
    }

    async fn create_message(
        &self,
        request: CreateMessageRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        tokio::select! {
            answer = self.sample(&request) => {
                if let (Err(error), Some(_)) = (&answer, &self.sampler) {
                    self.printer.note(&error.message);
                }
                answer
            }
            () = context.ct.cancelled() => Err(ErrorData::internal_error("canceled by the server", None)),
        }
    }

    async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Ok(self.list_roots())
    }
}
