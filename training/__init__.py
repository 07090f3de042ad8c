"""Train and judge the matting network: data, augmentation, losses, training loop, evaluation."""
