"""
Trains the pair: teachers of composition, tokens alone, masked tokens, then end to end.

    python training/train.py --data GENOMES --out RUN

Started again with the same folder, every stage resumes. On a CPU, use a process per core: the processes divide every
batch among themselves, and unlike the threads of one process do not wait for each other within it. The best weights on
the validation clades are in RUN/best.pt, with everything that export.py needs; RUN/log.jsonl has a line per report.

    python training/train.py --data GENOMES --out FINAL --all-clades

does the same with the validation clades included, once everything is chosen: they are a fifth of all. It keeps the last
weights.
"""

import json
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import distributed, multiprocessing
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from mini.composition import composition
from mini.corpus import read_corpus
from mini.encoders import Pair
from mini.frames import FrameTable
from mini.masking import MaskedHeads, mask_pair
from mini.measures import macro_auroc
from mini.sampling import Batch, WindowSampler, make_batch, subset
from mini.settings import Settings, read_settings
from mini.split import is_validation
from mini.teacher import TEACHERS, Teacher, taught, train_teacher
from mini.validation import ValidationFrames

WINDOWS = {500: 0.8, 300: 0.2}
"""Lengths of the training windows, and how often each is used."""
MICRO_BATCH = 64
"""Frames that go through the pair at once."""
TOKENS_BATCH = 1024
"""Frames per step while the pair learns tokens alone, which costs little."""
TOKENS_LEARNING_RATE = 2e-3
TOKENS_TAUGHT_SHARE = 1.0
"""Memorising families from labels costs more on new families than the teachers' mistakes."""
PRETRAINING_LEARNING_RATE = 1e-3
STEM_SHARE = 0.1
"""Factor of the learning rate for what the pair knows without its layers, while they learn to add to it."""
PRETRAINING, FINISHING, TOKENS = 1, 2, 3
"""The stages that draw frames."""
FRAMES_A_WINDOW = 0.36
"""A window mostly gives at least this many kept frames; used to draw enough windows."""


class Run:
    """Shared by the stages."""

    def __init__(self, settings: Settings, rank: int) -> None:
        self.settings = settings
        self.rank = rank
        records = read_corpus(settings.data, "train")
        self.training = [record for record in records if settings.all_clades or not is_validation(record)]
        self.validation = ValidationFrames(
            [record for record in records if is_validation(record)], settings.validation_stride
        )
        self.samplers = {window: WindowSampler(self.training, window) for window in WINDOWS}
        self.precision = torch.autocast(settings.device, torch.bfloat16, enabled=has_bfloat16(settings.device))

    def draw(self, step: int, stage: int) -> tuple[FrameTable, np.ndarray, np.random.Generator]:
        """
        The frames of one step: the same whenever it is computed. Short windows are used only with labels.
        """
        random = np.random.default_rng([self.settings.seed, stage, step])
        window = 500 if stage == PRETRAINING else int(random.choice(list(WINDOWS), p=list(WINDOWS.values())))
        wanted = TOKENS_BATCH if stage == TOKENS else self.settings.batch
        # Half of the steps have no errors.
        errors = self.settings.errors * max(0.0, random.uniform(-1, 1))
        windows, frames = int(wanted / FRAMES_A_WINDOW), 0
        while frames < wanted:
            table, labels = self.samplers[window].draw(windows, window, errors, random)
            windows, frames = 2 * windows, len(table)
        chosen = random.permutation(frames)[:wanted]
        return subset(table, chosen), labels[chosen], random

    def micro_batches(self, table: FrameTable, labels: np.ndarray, size: int) -> list[Batch]:
        """This process's part of them: batches with a constant number of frames."""
        firsts = range(0, len(table) - size + 1, size)[self.rank :: self.settings.processes]
        return [make_batch(table, labels, np.arange(first, first + size)) for first in firsts]

    def gather_gradients(self, module: torch.nn.Module) -> None:
        """Makes every gradient the mean of those of all processes."""
        if self.settings.processes == 1:
            return
        gradients = [one.grad for one in module.parameters() if one.grad is not None]
        together = torch.cat([one.flatten() for one in gradients])
        distributed.all_reduce(together)
        together /= self.settings.processes
        for one, part in zip(gradients, together.split([one.numel() for one in gradients])):
            one.copy_(part.view_as(one))

    def precision_of(self, stage: int) -> torch.autocast:
        # Tables of tokens are looked up, which no precision makes faster.
        return torch.autocast(self.settings.device, enabled=False) if stage == TOKENS else self.precision

    def wait_for_all(self) -> None:
        if self.settings.processes > 1:
            distributed.barrier()

    def log(self, **line: object) -> None:
        if self.rank > 0:
            return
        text = json.dumps({"time": round(time.time()), **line})
        print(text, flush=True)
        with open(self.settings.out / "log.jsonl", "a") as file:
            file.write(text + "\n")

    def save(self, name: str, value: object) -> None:
        temporary = self.settings.out / f".{name}"
        torch.save(value, temporary)
        temporary.replace(self.settings.out / name)

    def load(self, name: str) -> dict | None:
        path = self.settings.out / name
        return torch.load(path, weights_only=True) if path.exists() else None


def has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def on_device(batch: Batch, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(batch.dna).to(device), torch.from_numpy(batch.protein).to(device)


def learn_teachers(run: Run) -> list[Teacher]:
    for index in range(run.rank, TEACHERS, run.settings.processes):
        name = f"teacher-{index}.pt"
        if run.load(name) is None:
            network = train_teacher(run.training, index, run.settings.teacher_steps, run.settings.seed)
            run.save(name, network.state_dict())
            run.log(stage="teacher", index=index)
    run.wait_for_all()
    networks = known_teachers(run.settings.out)
    if run.rank > 0:
        return networks
    frames = run.validation
    scores = taught(networks, torch.from_numpy(composition(frames.table))).numpy()
    macro = macro_auroc(scores, frames.labels, frames.groups)
    run.log(stage="teachers", pooled=round(float(roc_auc_score(frames.labels, scores)), 4), macro=round(macro, 4))
    return networks


def known_teachers(folder: Path) -> list[Teacher]:
    networks = [Teacher(index).eval() for index in range(TEACHERS)]
    for index, network in enumerate(networks):
        network.load_state_dict(torch.load(folder / f"teacher-{index}.pt", weights_only=True))
    return networks


def make_optimizer(run: Run, rates: list[tuple[list, float]], steps: int) -> tuple[torch.optim.Optimizer, object]:
    """
    For parameters and their learning rates. Weight decay on matrices only; a short warm-up of the learning rate, then a
    cosine down to zero.
    """
    groups = []
    for parameters, rate in rates:
        matrices = [one for one in parameters if one.ndim > 1]
        others = [one for one in parameters if one.ndim <= 1]
        groups.append({"params": matrices, "lr": rate, "weight_decay": run.settings.weight_decay})
        groups.append({"params": others, "lr": rate, "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    peaks = [group["lr"] for group in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peaks, total_steps=steps, pct_start=0.08)
    return optimizer, schedule


def pretrain(run: Run, pair: Pair) -> None:
    """
    Trains the inside of the layers on masked tokens; what tokens alone have taught stays as it is.

    Afterwards the layers are silenced again: what they found is ready for use, and nothing is worse for it yet.
    """
    settings = run.settings
    done = run.load("pretrained.pt")
    if done is not None:
        pair.load_state_dict(done)
        return
    heads = MaskedHeads(pair).to(settings.device)
    for one in pair.stem():
        one.requires_grad_(False)
    learned = [one for one in heads.parameters() if one.requires_grad]
    optimizer, schedule = make_optimizer(run, [(learned, PRETRAINING_LEARNING_RATE)], settings.pretraining_steps)
    first = resumed(run, "pretraining.pt", heads, optimizer, schedule)
    sums, counted, begin = np.zeros(2), 0, time.time()
    heads.train()
    for step in range(first, settings.pretraining_steps):
        table, labels, random = run.draw(step, PRETRAINING)
        batches = run.micro_batches(table, labels, MICRO_BATCH)
        for batch in batches:
            masked = mask_pair(batch.dna, batch.protein, random)
            with run.precision:
                losses = heads(*masked)
            (sum(losses) / len(batches)).backward()
            sums += [loss.item() for loss in losses]
            counted += 1
        advance(run, heads, optimizer, schedule)
        if (step + 1) % settings.report_every == 0:
            rate = settings.processes * counted * MICRO_BATCH / (time.time() - begin)
            dna, protein = (sums / counted).round(4).tolist()
            run.log(stage="pretraining", step=step + 1, dna=dna, protein=protein, framesPerSecond=round(rate))
            sums, counted, begin = np.zeros(2), 0, time.time()
            keep(run, "pretraining.pt", step + 1, heads, optimizer, schedule)
    for one in pair.stem():
        one.requires_grad_(True)
    pair.silence()
    if run.rank == 0:
        run.save("pretrained.pt", pair.state_dict())
    run.wait_for_all()


def learn_tokens(run: Run, pair: Pair, teachers: list[Teacher]) -> None:
    """The embeddings and the classifier, while the layers add nothing: composition, in a hundredth of the time."""
    if run.load("tokens.pt") is None:
        average = learn(run, pair, teachers, "tokens", TOKENS, run.settings.token_steps)
        if run.rank == 0:
            run.save("tokens.pt", average.state_dict())
        run.wait_for_all()
    pair.load_state_dict(run.load("tokens.pt"))


def learn(run: Run, pair: Pair, teachers: list[Teacher], name: str, stage: int, steps: int) -> Pair:
    """Trains on the labels and the teachers' probabilities of frames; returns the running mean of the weights."""
    settings = run.settings
    average = torch.optim.swa_utils.AveragedModel(
        pair, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    rate = TOKENS_LEARNING_RATE if stage == TOKENS else STEM_SHARE * settings.learning_rate
    rates = [(pair.stem(), rate)] if stage == TOKENS else [(pair.stem(), rate), (pair.inside(), settings.learning_rate)]
    optimizer, schedule = make_optimizer(run, rates, steps)
    both = torch.nn.ModuleList([pair, average])
    first = resumed(run, f"{name}-state.pt", both, optimizer, schedule)
    forward = alone if stage == TOKENS else Pair.forward
    share = TOKENS_TAUGHT_SHARE if stage == TOKENS else settings.taught_share
    size = TOKENS_BATCH // settings.processes if stage == TOKENS else MICRO_BATCH
    best = (run.load("best.pt") or {}).get("validation", {"macro": 0.0, "pooled": 0.0})
    total, counted, begin = 0.0, 0, time.time()
    for step in range(first, steps):
        pair.train()
        if stage == FINISHING:
            # Statistics of a few frames are imprecise, and values that vary little are divided by their spread.
            pair.keep_norms()
        table, labels, _ = run.draw(step, stage)
        batches = run.micro_batches(table, labels, size)
        for batch in batches:
            soft = taught(teachers, torch.from_numpy(composition(batch.table)))
            wanted = (1 - share) * torch.from_numpy(batch.labels) + share * soft
            with run.precision_of(stage):
                logits = forward(pair, *on_device(batch, settings.device)).float()
            loss = functional.cross_entropy(logits, torch.stack([1 - wanted, wanted], dim=1).to(settings.device))
            (loss / len(batches)).backward()
            total, counted = total + loss.item(), counted + 1
        advance(run, pair, optimizer, schedule)
        average.update_parameters(pair)
        is_reported = (step + 1) % settings.report_every == 0 or step + 1 == steps
        if is_reported:
            run.wait_for_all()
        if is_reported and run.rank == 0:
            speed = settings.processes * counted * size / (time.time() - begin)
            average.module.eval()
            measured = run.validation.measure(
                partial(forward, average.module), run.precision_of(stage), settings.device
            )
            run.log(stage=name, step=step + 1, loss=round(total / counted, 4), framesPerSecond=round(speed), **measured)
            keep(run, f"{name}-state.pt", step + 1, both, optimizer, schedule)
            if stage == FINISHING:
                best = keep_best(run, average.module, step + 1, measured, best)
            total, counted, begin = 0.0, 0, time.time()
    return average.module


def keep_best(run: Run, pair: Pair, step: int, measured: dict[str, float], best: dict[str, float]) -> dict[str, float]:
    """Saves the weights if they are better than the best, or with all clades the last; returns the best results."""
    # With all clades, validation clades are trained on: their measures show that it works, no more.
    is_better = measured["macro"] + measured["pooled"] > best["macro"] + best["pooled"]
    if not (step == run.settings.steps if run.settings.all_clades else is_better):
        return best
    weights = {"sizes": run.settings.sizes.as_dict(), "weights": pair.state_dict()}
    run.save("best.pt", {**weights, "step": step, "validation": measured})
    return measured


def alone(pair: Pair, dna: torch.Tensor, protein: torch.Tensor) -> torch.Tensor:
    return pair.classify(pair.embed_alone(dna, protein))


def advance(run: Run, module: torch.nn.Module, optimizer: torch.optim.Optimizer, schedule: object) -> None:
    run.gather_gradients(module)
    # Masked tokens once gave a gradient that was not finite; its step would have destroyed every weight.
    if torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0).isfinite():
        optimizer.step()
    else:
        run.log(stage="not finite")
    optimizer.zero_grad()
    schedule.step()


def keep(run: Run, name: str, step: int, module: torch.nn.Module, optimizer: object, schedule: object) -> None:
    if run.rank > 0:
        return
    parts = {"module": module, "optimizer": optimizer, "schedule": schedule}
    run.save(name, {"step": step, **{key: part.state_dict() for key, part in parts.items()}})


def resumed(run: Run, name: str, module: torch.nn.Module, optimizer: object, schedule: object) -> int:
    """Restores a stage, and returns its next step."""
    state = run.load(name)
    if state is None:
        return 0
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    run.log(stage="resumed", file=name, step=state["step"])
    return state["step"]


def work(rank: int, settings: Settings) -> None:
    """One process of the training."""
    if settings.processes > 1:
        torch.set_num_threads(1)
        meeting = f"file://{(settings.out / '.meeting').absolute()}"
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=settings.processes)
    torch.manual_seed(settings.seed)
    run = Run(settings, rank)
    pair = Pair(settings.sizes, settings.dropout, settings.input_dropout, settings.classifier_dropout).to(settings.device)
    parameters = sum(one.numel() for one in pair.parameters())
    run.log(stage="sizes", parameters=parameters, batch=settings.batch, tokensBatch=TOKENS_BATCH, **settings.sizes.as_dict())
    teachers = learn_teachers(run)
    learn_tokens(run, pair, teachers)
    pretrain(run, pair)
    learn(run, pair, teachers, "training", FINISHING, settings.steps)
    run.wait_for_all()
    run.log(stage="done", best=run.load("best.pt")["validation"])


def main() -> None:
    settings = read_settings(sys.argv[1:], __doc__)
    settings.out.mkdir(parents=True, exist_ok=True)
    (settings.out / ".meeting").unlink(missing_ok=True)
    if settings.processes == 1:
        work(0, settings)
    else:
        # Processes that outlive this one would go on writing to the folder.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        multiprocessing.spawn(work, (settings,), nprocs=settings.processes, daemon=True)


if __name__ == "__main__":
    main()
