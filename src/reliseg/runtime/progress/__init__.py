"""Progress of a run: who is told, the speed and the time left, and the files that say it to other processes."""

from reliseg.runtime.progress.stages import Kind, Listener, Progress, Relay, Silent, Stage

__all__ = ["Kind", "Listener", "Progress", "Relay", "Silent", "Stage"]
