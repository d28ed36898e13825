"""A fixed team of threads that runs one job at a time; each member does its share."""

import threading
from collections.abc import Callable

from charrnn.kernels import barrier
from charrnn.kernels.arguments import Member
from charrnn.model.threads import usable_threads


class Team:
    """A team of `threads` threads.

    ``run(job)`` calls ``job(worker)`` with worker = 0, 1, … on all of them at once, and returns when all are done.
    Within a job, ``wait()`` is a barrier. The calling thread only waits, so that Ctrl-C reaches it at once, and never
    a member that others wait for. Close the team, or use it in a ``with`` statement. Raises RuntimeError if the system
    starts no more threads.
    """

    def __init__(self, threads: int) -> None:
        self.size = threads
        # If kernels cannot be compiled at all, the error is raised here, not in a thread that it would end.
        with barrier.flushed_denormals():
            pass
        self._barrier = barrier.new()
        self._job: Callable[[int], None] | None = None
        self._starts = [threading.Semaphore(0) for _ in range(self.size)]
        self._lock = threading.Lock()
        self._running = 0
        self._finished = threading.Event()
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []
        try:
            for worker in range(self.size):
                thread = threading.Thread(target=self._loop, args=(worker,), daemon=True, name=f"charrnn-{worker}")
                thread.start()
                self._threads.append(thread)
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(cls, threads: int | None, tell: Callable[[str], None]) -> "Team":
        """Make a team of as many threads as were asked for and can run at once; see `usable_threads`."""
        return cls(usable_threads(threads, tell))

    def run(self, job: Callable[[int], None]) -> None:
        """Run a job on all threads; raise a member's error."""
        if not self._threads:
            raise RuntimeError("the team is closed")
        self._job = job
        self._running = self.size
        self._finished.clear()
        for start in self._starts:
            start.release()
        interrupt: BaseException | None = None
        while not self._finished.is_set():
            try:
                self._finished.wait()
            except (KeyboardInterrupt, SystemExit) as error:  # the team ends its job first, to keep its data complete
                interrupt = error
        self._job = None
        failure, self._failure = self._failure, None
        if failure is not None:
            self._barrier[:] = 0
            raise failure
        if interrupt is not None:
            raise interrupt

    def wait(self) -> None:
        """Wait, within a job, until every member has arrived."""
        barrier.wait(self.member(0))
        if self._failure is not None:
            raise RuntimeError("another thread of the team failed")

    def member(self, worker: int) -> Member:
        """Return a member as kernels take it."""
        return Member(worker, self.size, self._barrier)

    def share(self, items: int, worker: int) -> tuple[int, int]:
        """Return a member's range [first, last) of `items`.

        The sizes of ranges differ by at most one.
        """
        return worker * items // self.size, (worker + 1) * items // self.size

    def close(self) -> None:
        """End the threads."""
        self._job = None
        self._barrier[barrier.BROKEN] = 1  # no member waits for another that will not arrive
        for start in self._starts:
            start.release()
        for thread in self._threads:
            thread.join()
        self._threads = []
        self._starts = []

    def __enter__(self) -> "Team":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _loop(self, worker: int) -> None:
        barrier.flush_denormals()  # this thread runs only kernels and the code between them
        while True:
            self._starts[worker].acquire()
            job = self._job
            if job is None:
                return
            try:
                job(worker)
            except BaseException as error:
                if self._failure is None:
                    self._failure = error
                self._barrier[barrier.BROKEN] = 1
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    self._finished.set()
