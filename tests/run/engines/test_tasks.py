from reliseg.run.engines.tasks import Task, TaskQueue


def tasks(model: str, *stages: int) -> list[Task]:
    """Return tasks of a model: so many of each stage."""
    return [Task(model, stage, n, f"{model} {stage}.{n}") for stage, count in enumerate(stages) for n in range(count)]


def taken(queue: TaskQueue, model: str) -> list[str]:
    """Take all that can be begun now."""
    return [task.name for task in iter(lambda: queue.take(model), None)]


def test_a_stage_begins_when_nothing_of_the_one_before_is_left():
    queue = TaskQueue(tasks("a", 2, 1))
    first, second = queue.take("a"), queue.take("a")
    assert queue.take("a") is None
    queue.finish(first)
    assert queue.take("a") is None
    queue.finish(second)
    last = queue.take("a")
    assert last.name == "a 1.0"
    queue.finish(last)
    assert not queue


def test_models_are_independent_of_each_other():
    queue = TaskQueue([*tasks("a", 1, 1), *tasks("b", 1, 1)])
    queue.finish(queue.take("a"))
    assert taken(queue, "a") == ["a 1.0"]
    assert taken(queue, "b") == ["b 0.0"]


def test_tasks_are_taken_in_their_order():
    assert taken(TaskQueue(tasks("a", 3)), "a") == ["a 0.0", "a 0.1", "a 0.2"]


def test_a_task_that_is_given_back_is_the_next_one():
    queue = TaskQueue(tasks("a", 3))
    lost = queue.take("a")
    queue.give_back(lost, blamed=True)
    assert taken(queue, "a") == ["a 0.0", "a 0.1", "a 0.2"]


def test_the_last_task_of_a_stage_that_is_given_back_is_done_before_the_next_stage():
    queue = TaskQueue(tasks("a", 1, 1))
    queue.give_back(queue.take("a"), blamed=False)
    assert taken(queue, "a") == ["a 0.0"]


def test_losses_that_a_task_is_blamed_for_are_counted_for_it_alone():
    queue = TaskQueue(tasks("a", 2))
    first = queue.take("a")
    assert [queue.give_back(queue.take("a") if n else first, blamed=n != 1) for n in range(3)] == [1, 1, 2]
    queue.take("a")
    assert queue.give_back(queue.take("a"), blamed=True) == 1


def test_a_queue_is_over_when_the_last_task_is_done_not_when_it_is_taken():
    queue = TaskQueue(tasks("a", 1))
    task = queue.take("a")
    assert queue
    assert queue.is_over("a")
    queue.finish(task)
    assert not queue


def test_the_next_worker_is_for_the_model_with_the_fewest():
    queue = TaskQueue([*tasks("a", 5), *tasks("b", 5)])
    assert queue.next_model({}, {}) == "a"
    assert queue.next_model({"a": 1}, {}) == "b"
    assert queue.next_model({"a": 1, "b": 1}, {}) == "a"


def test_no_worker_is_needed_where_free_ones_are_enough():
    queue = TaskQueue(tasks("a", 2))
    assert queue.next_model({"a": 1}, {"a": 1}) == "a"
    assert queue.next_model({"a": 2}, {"a": 2}) is None


def test_no_worker_is_needed_for_a_stage_that_cannot_begin():
    queue = TaskQueue(tasks("a", 1, 5))
    queue.take("a")
    assert queue.next_model({}, {}) is None
