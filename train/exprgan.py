"""Train ExprGAN on a corpus, from faces and their classes, in the paper's three stages.

    accelerate launch train/exprgan.py --corpus corpus --output_dir runs/exprgan

1. The controller: the decoder makes faces of random numbers and codes, D_img judges them, Q reads the codes.
2. Encoder and decoder give a face back: L1, the person's features, and what Q reads.
3. D_img, D_z and the total variation have their say besides. Which faces D_img and Q look at then is open;
   here at faces given another's expression, as in use.

Q learns to read the codes of photographs, whose classes are known. Published, it learns from what is made,
whatever that is: here it and the decoder then agreed on colours, and no face changed its expression.

The critics learn in the second stage too, without a say in it. The rate, Adam's betas and all weights are the
original code's, but that of the person's features: those are D_img's own, where the paper has a network for
faces, and with --identity also those of a network of our own. It must not be the one that scores. The total
variation is a mean here, and its weight multiplied by the side to stay what it is.
"""

from __future__ import annotations

import argparse
import copy
import logging

import torch
from accelerate import DistributedDataParallelKwargs
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from s2f import losses
from s2f.batches import Faces, read, to_float
from s2f.errors import S2FError
from s2f.expression import CLASSES
from s2f.models import ExprGAN, ExprGANDiscriminator, LatentDiscriminator, load_model
from s2f.models.exprgan import BLOCKS, DEPTH, controller
from s2f.training import (
    Clock,
    TrainingError,
    begin,
    common_flags,
    contact_sheet,
    epoch_batches,
    finish,
    report,
    resume,
    save_checkpoint,
    update_average,
)

LAMBDA_Q, LAMBDA_FEATURES, LAMBDA_IDENTITY = 1.0, 1.0, 1.0
LAMBDA_IMG, LAMBDA_Z, LAMBDA_TV = 0.01, 0.01, 0.001


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    p = common_flags(__doc__)
    p.set_defaults(learning_rate=2e-4, train_batch_size=64)
    p.add_argument("--width", type=int, default=64)
    p.add_argument("--latent", type=int, default=50)
    p.add_argument("--code_weight", type=float, default=LAMBDA_Q, help="of what Q reads of a face")
    p.add_argument(
        "--feature_weight", type=float, default=LAMBDA_FEATURES, help="of what D_img sees in a face"
    )
    p.add_argument("--critic_weight", type=float, default=LAMBDA_IMG, help="of D_img's say in stage 3")
    p.add_argument("--encode_from", type=float, default=0.2, help="share of steps before stage 2")
    p.add_argument("--critic_from", type=float, default=0.6, help="share of steps before stage 3")
    p.add_argument(
        "--identity", help="folder or repository of a model with features, not the one that scores"
    )
    return p.parse_args(argv)


class Coding(nn.Module):
    """What several processes wrap: from given numbers to a face, or from a face to numbers and back.

    A face for each row of codes, which may be several times as many as there are numbers.
    """

    def __init__(self, generator: ExprGAN) -> None:
        super().__init__()
        self.generator = generator

    def forward(
        self, face: torch.Tensor, z: torch.Tensor, code: torch.Tensor, encode: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        z = self.generator.encode(face) if encode else z
        return self.generator.decode(z.repeat(len(code) // len(z), 1), code), z


def lesson(
    faces: Faces, chosen: torch.Tensor, latent: int, chance: torch.Generator
) -> dict[str, torch.Tensor]:
    """Faces, half of them mirrored, their classes as codes of a strength that chance decides, and its z;
    the same of others' classes, to take on."""
    n = len(chosen)
    flip = torch.rand(n, 1, 1, 1, generator=chance) < 0.5
    face, labels = to_float(faces.picture[chosen]), functional.one_hot(faces.label[chosen], len(CLASSES))
    own, drawn = labels.float(), torch.rand(n, DEPTH, generator=chance) * 2 - 1
    z = torch.rand(n, latent, generator=chance) * 2 - 1
    target = own[torch.randperm(n, generator=chance)]
    return {
        "face": torch.where(flip, face.flip(-1), face),
        "labels": own,
        "code": controller(own, drawn),
        "z": z,
        "target_labels": target,
        "target_code": controller(target, drawn),
    }


@torch.no_grad()
def sheet(model: ExprGAN, faces: Faces, device: torch.device) -> list[torch.Tensor]:
    """Each face, its seven classes, and its smile at a half and at a quarter."""
    asked = torch.eye(len(CLASSES))
    smile, none = asked[CLASSES.index("happy")], asked[0]
    asked = torch.cat([asked, torch.stack([(smile + none) / 2, (smile + 3 * none) / 4])]).to(device)
    rows = []
    for picture in to_float(faces.picture):
        rows += [picture, *model(picture.to(device).expand(len(asked), -1, -1, -1), asked)]
    return rows


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    # the encoder rests in the first stage
    accelerator = begin(args, "exprgan", DistributedDataParallelKwargs(find_unused_parameters=True))
    device = accelerator.device
    data = read(args.corpus, "train", args.resolution, drawings=False, limit=args.train_samples)
    data = data.invented()
    shown = read(args.corpus, "validation", args.resolution, drawings=False)
    shown = shown.where(torch.linspace(0, len(shown) - 1, 6).long())
    who = load_model(args.identity).to(device).requires_grad_(False) if args.identity else None
    if who is not None and not hasattr(who, "features"):
        raise TrainingError(f"got a {type(who).__name__} as --identity, expected one with features; give one")

    plain = ExprGAN(args.resolution, args.width, args.latent)
    judge, z_judge = ExprGANDiscriminator(args.resolution, args.width), LatentDiscriminator(args.latent)
    average = copy.deepcopy(plain).eval().requires_grad_(False).to(device)
    # fused: beside so many weights the pictures are little work
    optimizer, critic_optimizer, z_optimizer = (
        torch.optim.Adam(m.parameters(), args.learning_rate, betas=(0.5, 0.999), fused=True)
        for m in (plain, judge, z_judge)
    )
    model, optimizer = accelerator.prepare(Coding(plain), optimizer)
    critic, critic_optimizer = accelerator.prepare(judge, critic_optimizer)
    z_critic, z_optimizer = accelerator.prepare(z_judge, z_optimizer)
    clock = Clock()
    accelerator.register_for_checkpointing(average, clock)
    second, third = (round(share * args.max_train_steps) for share in (args.encode_from, args.critic_from))

    start = resume(accelerator, args)
    mine = slice(accelerator.process_index, None, accelerator.num_processes)
    bar = tqdm(total=args.max_train_steps, initial=start, disable=not accelerator.is_main_process, delay=2)
    batches = epoch_batches(len(data), args.train_batch_size, args.seed, start)
    values: dict[str, float] = {}
    for step, chosen in zip(range(start + 1, args.max_train_steps + 1), batches, strict=False):
        chance = torch.Generator().manual_seed(args.seed * 7_368_787 + step)  # the step decides what is seen
        batch = {k: v[mine].to(device) for k, v in lesson(data, chosen, args.latent, chance).items()}
        face, labels, codes = batch["face"], batch["labels"], batch["code"]
        encode, refine = step > second, step > third
        adversarial, n = refine or not encode, len(face)
        if refine:  # each face as it is, then with another's expression
            labels, codes = (torch.cat([batch[k], batch[f"target_{k}"]]) for k in ("labels", "code"))

        with accelerator.autocast():
            made, z = model(face, batch["z"], codes, encode)
            real_logit, real_code, real_features = critic(face, batch["labels"])
            fake_logit, _, _ = critic(made[-n:].detach(), labels[-n:])
            z_loss = losses.log_critic(z_critic(batch["z"]), z_critic(z.detach()))
        loss_d = losses.log_critic(real_logit, fake_logit)
        loss_q = BLOCKS * functional.mse_loss(real_code, codes[:n])
        critic_optimizer.zero_grad()
        z_optimizer.zero_grad()
        accelerator.backward(loss_d + loss_q + (z_loss if encode else 0 * z_loss))
        critic_optimizer.step()
        z_optimizer.step()

        for one in (judge, z_judge):
            one.requires_grad_(False)  # they only point the way now
        with accelerator.autocast():
            fake_logit, read_code, fake_features = judge(made, labels)
            z_logit = z_judge(z)
        for one in (judge, z_judge):
            one.requires_grad_(True)
        fooled, z_fooled = losses.log_generator(fake_logit[-n:]), losses.log_generator(z_logit)
        told = BLOCKS * functional.mse_loss(read_code[-n:], codes[-n:])
        loss = args.code_weight * told + (args.critic_weight if encode else 1.0) * adversarial * fooled
        said = {"critic": loss_d, "read": loss_q, "fooled": fooled, "codes": told}
        if encode:
            l1 = functional.l1_loss(made[:n], face)
            features = functional.l1_loss(fake_features[:n], real_features.detach())
            loss = loss + l1 + args.feature_weight * features
            said |= {"l1": l1, "features": features, "z_critic": z_loss, "z_fooled": z_fooled}
            if who is not None:
                person = functional.l1_loss(who.features(made[:n]), who.features(face))
                loss, said["person"] = loss + LAMBDA_IDENTITY * person, person
            if refine:
                rough = losses.total_variation(made)
                loss = loss + LAMBDA_Z * z_fooled + LAMBDA_TV * args.resolution * rough
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        update_average(average, plain, min(args.ema_decay, step / (step + 10)))

        last = step == args.max_train_steps
        if values := report(accelerator, step, said, last) or values:
            bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()})
        if step % args.checkpointing_steps == 0:
            save_checkpoint(accelerator, args.output_dir, step, args.checkpoints_total_limit)
        if accelerator.is_main_process and (last or step % args.validation_steps == 0):
            contact_sheet(args.output_dir, step, sheet(average, shown, device), len(CLASSES) + 3)
        bar.update()
    bar.close()
    finish(accelerator, args, average, minutes=clock.minutes, people=len(data.person.unique()), losses=values)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        main()
    except S2FError as error:
        raise SystemExit(f"train/exprgan.py: {error}") from None
