"""The tasks extension (SEP-2663), which the client takes as a plug-in: it brings none of its own."""

from typing import Any, Literal

import anyio
import mcp_types as types
from mcp.client.extension import ClientExtension, ResultClaim
from pydantic import TypeAdapter

# How long a task may take, in polls.
POLLS = 200


class TaskHandle(types.Result):
    result_type: Literal["task"]
    task_id: str
    status: str


class TaskState(types.Result):
    status: str
    input_requests: dict[str, Any] | None = None
    result: dict[str, Any] | None = None


class TaskParams(types.RequestParams):
    task_id: str
    input_responses: dict[str, Any] | None = None


class GetTask(types.Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: TaskParams
    name_param = "taskId"


class UpdateTask(types.Request[TaskParams, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    params: TaskParams
    name_param = "taskId"


class Tasks(ClientExtension):
    """Follows each task to its end; what the task asks goes to `on_elicitation`."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self, on_elicitation):
        self.on_elicitation = on_elicitation
        self.handles = []

    def claims(self):
        return [ResultClaim(result_type="task", model=TaskHandle, resolve=self.follow)]

    async def follow(self, handle, context):
        self.handles.append(handle.task_id)
        answered = set()
        for _ in range(POLLS):
            get = GetTask(params=TaskParams(task_id=handle.task_id))
            task = await context.session.send_request(get, TaskState)
            if task.status == "completed":
                return types.CallToolResult.model_validate(task.result)
            assert task.status in ("working", "input_required"), f"the task is {task.status}"
            # A question stays in sight until its answer has arrived there.
            asked = {key: asked for key, asked in (task.input_requests or {}).items() if key not in answered}
            if asked:
                answers = {key: await self.answer(question) for key, question in asked.items()}
                update = UpdateTask(params=TaskParams(task_id=handle.task_id, input_responses=answers))
                await context.session.send_request(update, types.EmptyResult)
                answered |= set(answers)
            await anyio.sleep(0.05)
        raise AssertionError(f"the task did not end within {POLLS} polls")

    async def answer(self, question):
        request = TypeAdapter(types.ElicitRequest).validate_python(question)
        result = await self.on_elicitation(None, request.params)
        return result.model_dump(by_alias=True, mode="json", exclude_none=True)
