"""
Trains the pair: teachers of composition, masked tokens, then end to end.

    python training/train.py --data GENOMES --out RUN

Every stage goes on where it was when it is started again with the same folder. On a CPU give it a process a core: they
share out every batch, and do not wait for each other within one as the threads of one process would. The best weights on the validation clades
are in RUN/best.pt, with everything that export.py needs; RUN/log.jsonl has a line a report.

    python training/train.py --data GENOMES --out REFIT --refit RUN

goes on from RUN's best weights with the validation clades among the others: they are a fifth of all, and what could be
chosen on them is chosen. The last weights are kept.
"""

import argparse
import copy
import json
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import distributed, multiprocessing
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from mini import dna_tokens, genetic_code
from mini.composition import composition
from mini.corpus import Record, read_corpus
from mini.encoders import Pair, PairSizes, Sizes
from mini.frames import FrameTable, classic_windows, joined, kept_frames
from mini.masking import MaskedHeads, mask_pair
from mini.measures import macro_auroc
from mini.sampling import Batch, WindowSampler, make_batch, subset
from mini.split import fold_name, is_validation
from mini.teacher import TEACHERS, make_network, taught, train_teacher

WINDOWS = {500: 0.8, 300: 0.2}
"""Lengths of the windows to train on, and how often."""
MICRO_BATCH = 64
"""Frames that go through the pair at once."""
PRETRAINING, FINISHING = 1, 2
"""The stages that draw frames."""
FRAMES_A_WINDOW = 0.36
"""At least so many frames are mostly kept of a window, by which enough windows are drawn."""


@dataclass(frozen=True)
class Settings:
    data: Path
    out: Path
    seed: int
    sizes: PairSizes
    teacher_steps: int
    pretraining_steps: int
    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    dropout: float
    input_dropout: float
    classifier_dropout: float
    taught_share: float
    errors: float
    report_every: int
    validation_stride: int
    device: str
    processes: int
    refit: Path | None


class Run:
    """What the stages share."""

    def __init__(self, settings: Settings, rank: int) -> None:
        self.settings = settings
        self.rank = rank
        records = read_corpus(settings.data, "train")
        self.training = [record for record in records if settings.refit is not None or not is_validation(record)]
        self.validation = ValidationFrames(
            [record for record in records if is_validation(record)], settings.validation_stride
        )
        self.samplers = {window: WindowSampler(self.training, window) for window in WINDOWS}
        self.precision = torch.autocast(settings.device, torch.bfloat16, enabled=has_bfloat16(settings.device))

    def draw(self, step: int, stage: int) -> tuple[FrameTable, np.ndarray, np.random.Generator]:
        """
        The frames of one step: the same ones whenever it is computed. Short windows come when the pair is finished.
        """
        random = np.random.default_rng([self.settings.seed, stage, step])
        window = int(random.choice(list(WINDOWS), p=list(WINDOWS.values()))) if stage == FINISHING else 500
        # Half of the windows are read as they are.
        errors = self.settings.errors * max(0.0, random.uniform(-1, 1))
        windows, frames = int(self.settings.batch / FRAMES_A_WINDOW), 0
        while frames < self.settings.batch:
            table, labels = self.samplers[window].draw(windows, window, errors, random)
            windows, frames = 2 * windows, len(table)
        chosen = random.permutation(frames)[: self.settings.batch]
        return subset(table, chosen), labels[chosen], random

    def micro_batches(self, table: FrameTable, labels: np.ndarray) -> list[tuple[np.ndarray, Batch]]:
        """What this process takes of them: batches of always the same number of frames."""
        firsts = range(0, len(table) - MICRO_BATCH + 1, MICRO_BATCH)[self.rank :: self.settings.processes]
        rows = [np.arange(first, first + MICRO_BATCH) for first in firsts]
        return [(chosen, make_batch(table, labels, chosen)) for chosen in rows]

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


class ValidationFrames:
    """Kept frames of the validation clades' classic windows; every `stride`th window of a record."""

    def __init__(self, records: list[Record], stride: int) -> None:
        tables, labels, groups = [], [], []
        for number, record in enumerate(records):
            windows = np.array(classic_windows(len(record.bases), 500))[number % stride :: stride]
            if len(windows) == 0:
                continue
            table = kept_frames(record.bases, windows[:, 0], windows[:, 1])
            tables.append(table)
            labels += [record.label] * len(table)
            groups += [fold_name(record) if record.label == 1 else record.group] * len(table)
        self.table = joined(tables, [0] * len(tables))
        self.labels, self.groups = np.array(labels), np.array(groups)
        # Frames of like length stand together, so that little is padded.
        order = np.argsort(np.diff(self.table.base_ends), kind="stable")
        self._parts = [order[first : first + 128] for first in range(0, len(order), 128)]

    @torch.no_grad()
    def measure(self, pair: Pair, precision: torch.autocast, device: str) -> dict[str, float]:
        scores = np.zeros(len(self.labels))
        for chosen in self._parts:
            batch = make_batch(self.table, self.labels, chosen)
            with precision:
                logits = pair(*on_device(batch, device)).float()
            scores[chosen] = (logits[:, 1] - logits[:, 0]).cpu().numpy()
        pooled = float(roc_auc_score(self.labels, scores))
        macro = macro_auroc(scores, self.labels, self.groups)
        return {"pooled": round(pooled, 4), "macro": round(macro, 4)}


def has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def on_device(batch: Batch, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(batch.dna).to(device), torch.from_numpy(batch.protein).to(device)


def learn_teachers(run: Run) -> list[torch.nn.Sequential]:
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


def known_teachers(folder: Path) -> list[torch.nn.Sequential]:
    networks = [make_network().eval() for _ in range(TEACHERS)]
    for index, network in enumerate(networks):
        network.load_state_dict(torch.load(folder / f"teacher-{index}.pt", weights_only=True))
    return networks


def make_optimizer(run: Run, parameters: list, steps: int) -> tuple[torch.optim.Optimizer, object]:
    """Weight decay on matrices alone; a short rise of the learning rate and a cosine down to nothing."""
    settings = run.settings
    matrices = [one for one in parameters if one.ndim > 1]
    others = [one for one in parameters if one.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, settings.learning_rate, betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps, pct_start=0.08)
    return optimizer, schedule


def pretrain(run: Run, pair: Pair) -> None:
    settings = run.settings
    done = run.load("pretrained.pt")
    if done is not None:
        pair.load_state_dict(done)
        return
    heads = MaskedHeads(pair).to(settings.device)
    optimizer, schedule = make_optimizer(run, list(heads.parameters()), settings.pretraining_steps)
    first = resumed(run, "pretraining.pt", heads, optimizer, schedule)
    sums, counted, begin = np.zeros(2), 0, time.time()
    heads.train()
    for step in range(first, settings.pretraining_steps):
        table, labels, random = run.draw(step, PRETRAINING)
        batches = run.micro_batches(table, labels)
        for _, batch in batches:
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
    if run.rank == 0:
        run.save("pretrained.pt", pair.state_dict())
    run.wait_for_all()


def finish(run: Run, pair: Pair, teachers: list[torch.nn.Sequential]) -> None:
    """End to end, on the labels and on what the teachers say of the same frames."""
    settings = run.settings
    average = torch.optim.swa_utils.AveragedModel(
        pair, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    optimizer, schedule = make_optimizer(run, list(pair.parameters()), settings.steps)
    both = torch.nn.ModuleList([pair, average])
    first = resumed(run, "training.pt", both, optimizer, schedule)
    best = (run.load("best.pt") or {}).get("validation", {"macro": 0.0, "pooled": 0.0})
    total, counted, begin = 0.0, 0, time.time()
    for step in range(first, settings.steps):
        pair.train()
        table, labels, _ = run.draw(step, FINISHING)
        soft = taught(teachers, torch.from_numpy(composition(table)))
        batches = run.micro_batches(table, labels)
        for chosen, batch in batches:
            wanted = (1 - settings.taught_share) * torch.from_numpy(batch.labels) + settings.taught_share * soft[chosen]
            with run.precision:
                logits = pair(*on_device(batch, settings.device)).float()
            loss = functional.cross_entropy(logits, torch.stack([1 - wanted, wanted], dim=1).to(settings.device))
            (loss / len(batches)).backward()
            total, counted = total + loss.item(), counted + 1
        advance(run, pair, optimizer, schedule)
        average.update_parameters(pair)
        if (step + 1) % settings.report_every == 0 and run.rank > 0:
            run.wait_for_all()
        elif (step + 1) % settings.report_every == 0:
            run.wait_for_all()
            rate = settings.processes * counted * MICRO_BATCH / (time.time() - begin)
            measured = run.validation.measure(average.module.eval(), run.precision, settings.device)
            run.log(
                stage="training", step=step + 1, loss=round(total / counted, 4), framesPerSecond=round(rate), **measured
            )
            keep(run, "training.pt", step + 1, both, optimizer, schedule)
            # The validation clades of a refit are known to it: what is measured on them tells that it works, no more.
            is_last = step + 1 + settings.report_every > settings.steps
            is_better = measured["macro"] + measured["pooled"] > best["macro"] + best["pooled"]
            if is_last if settings.refit else is_better:
                best = measured
                weights = copy.deepcopy(average.module.state_dict())
                chosen = {"sizes": settings.sizes.as_dict(), "weights": weights, "step": step + 1, "validation": best}
                run.save("best.pt", chosen)
            total, counted, begin = 0.0, 0, time.time()
    run.log(stage="done", best=best)


def advance(run: Run, module: torch.nn.Module, optimizer: torch.optim.Optimizer, schedule: object) -> None:
    run.gather_gradients(module)
    torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    schedule.step()


def keep(run: Run, name: str, step: int, module: torch.nn.Module, optimizer: object, schedule: object) -> None:
    if run.rank > 0:
        return
    parts = {"module": module, "optimizer": optimizer, "schedule": schedule}
    run.save(name, {"step": step, **{key: part.state_dict() for key, part in parts.items()}})


def resumed(run: Run, name: str, module: torch.nn.Module, optimizer: object, schedule: object) -> int:
    """Puts a stage where it was, and returns its next step."""
    state = run.load(name)
    if state is None:
        return 0
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    run.log(stage="resumed", file=name, step=state["step"])
    return state["step"]


def parse_sizes(text: str) -> Sizes:
    """`layers,width,heads,feed_forward`"""
    return Sizes(*(int(part) for part in text.split(",")))


def parse_arguments() -> Settings:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of genomes, see README.md")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dna", type=parse_sizes, default=Sizes(2, 128, 4, 256), help="layers,width,heads,feed_forward")
    parser.add_argument("--protein", type=parse_sizes, default=Sizes(2, 96, 3, 256), help="the same of the protein encoder")
    parser.add_argument("--hidden", type=int, default=512, help="width of the classifier's hidden layer")
    parser.add_argument("--teacher-steps", type=int, default=1500)
    parser.add_argument("--pretraining-steps", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=128, help="frames a step")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--input-dropout", type=float, default=0.1, help="of the embeddings that the classifier reads")
    parser.add_argument("--classifier-dropout", type=float, default=0.2)
    parser.add_argument("--taught-share", type=float, default=0.5, help="weight of the teachers beside the labels")
    parser.add_argument("--errors", type=float, default=0.02, help="the largest rate of substitutions")
    parser.add_argument("--report-every", type=int, default=200, help="steps")
    parser.add_argument("--validation-stride", type=int, default=4, help="every how manieth window is measured")
    parser.add_argument("--refit", type=Path, help="folder of a run to go on from with all clades")
    parser.add_argument("--processes", type=int, default=1, help="on a CPU one a core")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    values = vars(parser.parse_args())
    sizes = PairSizes(values.pop("dna"), values.pop("protein"), values.pop("hidden"))
    return Settings(sizes=sizes, **values)


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
    run.log(stage="sizes", parameters=parameters, batch=settings.batch, **settings.sizes.as_dict())
    if settings.refit is not None:
        pair.load_state_dict(torch.load(settings.refit / "best.pt", weights_only=True)["weights"])
        teachers = known_teachers(settings.refit)
    else:
        teachers = learn_teachers(run)
        pretrain(run, pair)
    finish(run, pair, teachers)


def main() -> None:
    settings = parse_arguments()
    settings.out.mkdir(parents=True, exist_ok=True)
    (settings.out / ".meeting").unlink(missing_ok=True)
    if settings.processes == 1:
        work(0, settings)
    else:
        # Processes that outlived this one would go on writing to the folder.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        multiprocessing.spawn(work, (settings,), nprocs=settings.processes, daemon=True)


if __name__ == "__main__":
    main()
