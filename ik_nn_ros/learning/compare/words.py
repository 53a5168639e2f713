"""What the page says about the methods and the measures, in plain words."""

METHOD_DESCRIPTIONS = {
    'closed_form': 'The angles from the law of cosines, on the elbow side asked for.',
    'pseudo_inverse': 'Steps by the pseudo-inverse of the Jacobian, from the joints as they are.',
    'damped_least_squares': 'The same with damping, so that steps stay short near a straight arm.',
    'gradient_descent': 'Steps down the gradient of the squared distance, their length optimal.',
    'ccd': 'Points one joint after the other at the target.',
    'feed_forward': 'The network of the paper, 64 and 32 ReLU units, trained on joint angles.',
    'edge_smooth': 'The default of this package: inputs that are smooth up to the edge of the '
    'workspace, trained on the tip error.',
    'variational': 'Samples several solutions and keeps the best on the elbow side asked for.',
    'graph': 'Messages along the chain of the joints and the tip.',
    'policy': 'A few moves of the joints, learned from rewards alone.',
    'lstm': 'Target by target along a path, with a memory.',
    'convolution': 'Each target with its neighbours on the path.',
    'transformer': 'All targets of the path at once, by attention.',
}
MEASURE_DESCRIPTIONS = (
    (
        'tip error',
        'Distance of the tip, by forward kinematics of the angles answered, from its target, as a '
        'fraction of the arm’s reach. p50: half of the targets are missed by less; p99: 99 % are; '
        'infinite (∞) where a method gives no answer.',
    ),
    ('failed', 'No answer, off by more than 1 % of reach, or outside the joint limits.'),
    ('exact', 'Off by at most 1e-9 of reach, and inside the joint limits.'),
    (
        'anywhere',
        'Targets from joints at random, on either elbow side, while the arm is somewhere else.',
    ),
    (
        'along paths',
        'Smooth paths of targets; each starts from the joints that the one before has led to.',
    ),
    (
        'noise',
        'The same paths with normal noise on x and y, standard deviation 1 % of reach. An exact '
        'answer to a noisy target is off by the noise: p50 1.2e-2, p99 3.0e-2.',
    ),
    (
        'outside',
        'Paths beyond reach, by up to a fifth of it. The error is against the nearest point that '
        'the arm reaches.',
    ),
    (
        'both branches',
        'Of the targets on paths that the arm can follow with its elbow on either side, the share '
        'that is answered rightly on both, each when asked for.',
    ),
    (
        'roughness',
        'Root mean square of the second differences of the joints along the paths, over that of '
        'the exact joints: 1 is as smooth as those, 10 ten times as rough.',
    ),
    (
        'time',
        'One by itself: a target at a time, as a controller asks. Many at once: targets in one '
        'call. Of the first seed.',
    ),
    (
        'Newton',
        'Our refinement, as the solver of ik_node has it: Newton steps from the angles proposed, '
        'until the tip is within 1e-9 of reach.',
    ),
)
