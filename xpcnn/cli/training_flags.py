"""The flags of `xpcnn train`: the network and how it is trained.

`at` is the place in a preset that a flag sets. From there to the update of a weight:
`help(xpcnn.config)`, in `config/__init__.py`.
"""

from collections.abc import Mapping

from xpcnn.cli.flag_parsing import (
    constant_for_none,
    length,
    listed,
    loss_type,
    number_or_none,
    thresholds,
    weights,
    whole_or_none,
)
from xpcnn.cli.options import Option, option, params

TRAINING: Mapping[str, list[Option]] = {
    "Network": params(
        option(
            "--model",
            metavar="NAME|FILE.toml",
            text="A preset, or a file like one: digits, efficientnet-lite0, kaggle, large, "
            "large-bn, lenet5, medium, mnist-best, mobilenet-v2, photo, resnet18, resnet18-cifar, "
            "resnet20, resnet34, resnet50, sigmoid-binary, small, tiny, two-conv, vgg11, "
            "vgg11-bn, vgg13, vgg13-bn, vgg16, vgg16-bn, xor. The default depends on the shape of "
            "the data: digits for 8x8, small for 28x28, medium for 32x32 in colour, photo for "
            "photographs and all else.",
        ),
        option(
            "--init",
            metavar="RUN|FILE",
            text="Start from the weights of a run or a model file, in all layers of the same path "
            "and shapes. Without --model, the network is that of the file, with a new last layer "
            "for other classes. With --model resnet18 or another preset of the same network, the "
            "file may be PyTorch's weights as safetensors.",
        ),
        option(
            "--freeze",
            metavar="LIST",
            at="training.freeze",
            parse=listed,
            text="Parameters that are not trained, by pattern: layers.0.*,*.bias.",
        ),
        option(
            "--unfreeze-after",
            type=whole_or_none,
            metavar="EPOCH|none",
            at="training.unfreeze_after",
            text="Train all parameters after this epoch, with a tenth of the learning rate. Until "
            "then, the parameters that --freeze names stay as they are; with --init and without "
            "--freeze, those of all layers that took their weights from the file.",
        ),
        option(
            "--dtype",
            default="float32",
            metavar="[float32|float64|float16|bfloat16]",
            text="What the network computes in. float64 is for checking; float16 and bfloat16, on "
            "weights of float32, are for GPUs, though no GPU has run them yet.",
        ),
    ),
    "Training": params(
        option(
            "--epochs", type=int, at="training.epochs", text="Passes through the training images."
        ),
        option("--batch-size", type=int, at="training.batch_size", text="Images in a batch."),
        option(
            "--drop-last",
            is_flag=True,
            at="training.drop_last",
            text="Leave out the last batch of an epoch if it is short.",
        ),
        option(
            "--optimizer",
            at="training.optimizer.name",
            metavar="[sgd|momentum|nesterov|adam|adamw|nadam|radam|lion|rmsprop|adagrad|lars|lamb|muon]",
            text="What updates the weights.",
        ),
        option("--lr", type=float, at="training.optimizer.lr", text="Learning rate."),
        option(
            "--momentum",
            type=float,
            at="training.optimizer.momentum",
            text="Momentum of sgd and rmsprop.",
        ),
        option(
            "--weight-decay",
            type=float,
            at="training.optimizer.weight_decay",
            text="How much each step shrinks the weights.",
        ),
        option(
            "--l1",
            type=float,
            at="training.l1",
            text="Weight of the sum of all |weights| in the loss.",
        ),
        option(
            "--schedule",
            at="training.schedule.name",
            parse=constant_for_none,
            metavar="[constant|step|multi-step|exponential|polynomial|cosine|cosine-restarts|one-cycle"
            "|plateau]",
            text="How the learning rate changes over the run; `none` means constant.",
        ),
        option(
            "--warmup",
            type=float,
            at="training.warmup",
            parse=length,
            text="Number of updates, or fraction of all (0.1), over which the learning rate rises "
            "at the start.",
        ),
        option(
            "--clip-norm",
            type=number_or_none,
            metavar="NUMBER|none",
            at="training.clip_norm",
            text="Largest global norm of the gradients; `none` turns off the preset's.",
        ),
        option(
            "--accumulate",
            type=int,
            at="training.accumulate",
            text="Number of batches whose gradients make one update.",
        ),
        option(
            "--ema",
            type=number_or_none,
            metavar="NUMBER|none",
            at="training.ema",
            text="Decay, such as 0.999, of a moving average of the weights, which is validated and "
            "saved.",
        ),
        option(
            "--swa",
            type=whole_or_none,
            metavar="EPOCH|none",
            at="training.swa",
            text="Average the weights at the ends of this epoch and of all later ones; the average "
            "is validated and saved.",
        ),
        option(
            "--loss",
            metavar="[cross-entropy|bce|focal|mse|l1|huber]",
            at="loss.type",
            parse=loss_type,
            text="The loss that training minimises. By default cross-entropy for classes, bce for "
            "several labels, mse for numbers.",
        ),
        option(
            "--label-smoothing",
            type=float,
            at="loss.label_smoothing",
            text="Part of each label that is spread evenly over all classes.",
        ),
        option(
            "--class-weights",
            metavar="balanced|LIST",
            at="loss.class_weights",
            parse=weights,
            text="How much an image of each class counts in the loss: a number for each class, "
            "such as 1,5,2, or balanced: the rarer the class, the more.",
        ),
        option(
            "--thresholds",
            metavar="best|LIST",
            parse=thresholds,
            text="For several labels: the probability from which on a label is predicted, a number "
            "for each label, such as 0.5,0.3; best: the thresholds with the highest F1 on the "
            "validation part. By default 0.5.",
        ),
        option("--seed", type=int, default=0, text="Seed of everything random; by default 0."),
    ),
    "When to validate and to stop": params(
        option(
            "--validate-every",
            type=whole_or_none,
            metavar="NUMBER|none",
            at="training.validate_every",
            text="Updates between validations, in addition to the one after every epoch.",
        ),
        option(
            "--metrics",
            metavar="LIST",
            at="training.metrics",
            parse=listed,
            text="Figures of validation and test beside loss and accuracy: auc, calibration_error, "
            "f1, log_loss, top_3, top_5.",
        ),
        option(
            "--keep-best",
            is_flag=True,
            at="training.keep_best",
            text="Save the weights of the best validation instead of the last weights.",
        ),
        option(
            "--patience",
            type=whole_or_none,
            metavar="NUMBER|none",
            at="training.patience",
            text="Stop after this many validations without a better one; save the best weights.",
        ),
        option(
            "--max-steps",
            type=whole_or_none,
            metavar="NUMBER|none",
            at="training.max_steps",
            text="Stop after this many updates.",
        ),
        option(
            "--max-seconds",
            type=number_or_none,
            metavar="NUMBER|none",
            at="training.max_seconds",
            text="Stop after this many seconds.",
        ),
    ),
}
"""By the titles under which the help shows them."""
